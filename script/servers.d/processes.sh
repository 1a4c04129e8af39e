# shellcheck shell=bash
# Which process is a server of ours, and how it ends.

# process_with_argument PATTERN : the process one of whose arguments is exactly this: a regular
# expression, which must not match its own text (this look-up is a process too). A process is known by
# what it runs, not by a pid file: that may be gone with .local, or left from before a reboot.
# One that was forked just now still has its parent's arguments: it is the parent that is meant.
process_with_argument() {
  local file pid parent
  for file in $(grep -lsxze "$1" /proc/[0-9]*/cmdline); do
    pid="${file#/proc/}"
    pid="${pid%/cmdline}"
    parent="$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)" || continue
    [[ -n "$parent" ]] || continue
    grep -qsxze "$1" "/proc/$parent/cmdline" && continue
    echo "$pid"
    return
  done
  return 1
}

# A text as the regular expression that matches it and nothing else.
# shellcheck disable=SC2001
literally() { sed 's/[].*^$\[]/\\&/g' <<<"$1"; }

# Running means: the process is there, and answers where we remember it.
is_running() {
  "$1_pid" >/dev/null && ! port_is_free "$(port_of "$1")"
}

# A process of ours that does not answer there lost its files: somebody removed .local under it.
end_stray() {
  local pid
  pid="$("$1_pid")" || return 0
  say "$1: ending process $pid, left from a .local that is gone"
  kill -KILL "$pid"
  wait_for_end "$pid" 10
  [[ "$1" != rabbitmq ]] || rabbitmq_stop_companions
}

# Waits until a process that is not our child is gone: wait_for_end PID SECONDS. One that has ended and
# that nobody collects (usual in containers) stays listed, with an empty command line.
wait_for_end() {
  local pid="$1" deadline=$((SECONDS + $2))
  while grep -qsz . "/proc/$pid/cmdline"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}
