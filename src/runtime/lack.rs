//! What this machine or process lacks, as the operating system tells it.
//!
//! Whoever wanted to connect and could not for such a reason has learnt nothing of the other side.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;

use rustix::io::Errno;

/// A lack of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// `EMFILE`, `ENFILE`.
    Files,
    /// `EADDRNOTAVAIL`: every local port to that place is in use.
    Ports,
    /// `ENOMEM`, `ENOBUFS`.
    Memory,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "the process may open no further file (LimitNOFILE, ulimit -n)",
            Self::Ports => {
                "this machine has no free local port for another connection to that place \
                 (net.ipv4.ip_local_port_range)"
            }
            Self::Memory => "this machine has no memory for another connection",
        })
    }
}

/// The lack behind a failure to connect, if it is one.
///
/// Names are resolved by the C library, which needs files as well and does not say that it got none:
/// therefore it is tried whether one can be had.
#[must_use]
pub fn behind(error: &(dyn Error + 'static)) -> Option<Lack> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let code = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error);
        if let Some(code) = code {
            return of_code(code);
        }
        next = cause.source();
    }
    let tried = File::open("/dev/null").err()?;
    of_code(tried.raw_os_error()?).filter(|lack| *lack == Lack::Files)
}

fn of_code(code: i32) -> Option<Lack> {
    match Errno::from_raw_os_error(code) {
        Errno::MFILE | Errno::NFILE => Some(Lack::Files),
        Errno::ADDRNOTAVAIL => Some(Lack::Ports),
        Errno::NOMEM | Errno::NOBUFS => Some(Lack::Memory),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not connect")]
    struct Outer(#[source] io::Error);

    #[test]
    fn our_own_lack_is_told_from_the_other_sides_refusal() {
        for (code, lack) in [
            (Errno::MFILE, Some(Lack::Files)),
            (Errno::NFILE, Some(Lack::Files)),
            (Errno::ADDRNOTAVAIL, Some(Lack::Ports)),
            (Errno::NOBUFS, Some(Lack::Memory)),
            (Errno::CONNREFUSED, None),
            (Errno::TIMEDOUT, None),
            (Errno::HOSTUNREACH, None),
        ] {
            let error = Outer(code.into());
            assert_eq!(behind(&error), lack, "{code:?}");
        }
        assert_eq!(behind(&io::Error::other("without a code")), None);
    }
}
