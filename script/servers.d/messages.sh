# shellcheck shell=bash
# How the scripts speak: to standard error, so that standard output is free for answers.

say() { printf '%s\n' "$*" >&2; }

# The first line names the thing and the cause, the others the mend.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit 1
}
