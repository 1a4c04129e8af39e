//! The signals: whichever would end the process ends it in good order.
//!
//! | signal | effect |
//! |---|---|
//! | TERM, INT, QUIT | an orderly end; a second one ends at once |
//! | HUP, unless it was ignored from the start (`nohup`) | an orderly end |
//! | whatever else would end a process that does not know it: USR1, USR2, ALRM, XCPU, PWR, ... | an orderly end |
//! | PIPE, XFSZ | nothing: whoever writes is told by an error |
//! | what only a fault raises: SEGV, BUS, ABRT, ... | the system's own effect |

use std::io;
use std::task::Poll;
use std::time::Duration;

use herald::runtime::{Ending, Shutdown, clock};
use herald::telemetry::logging;
use rustix::process::Signal as Number;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CommandFailure;

/// Asked to end: a second one says that it takes too long.
const URGING: [Number; 3] = [Number::TERM, Number::INT, Number::QUIT];
/// Would end a process that does not know them. One may follow another by itself: of a terminal that is
/// closed or a session that ends, several tell us.
const ENDING: &[Number] = &[
    Number::HUP,
    Number::USR1,
    Number::USR2,
    Number::ALARM,
    Number::VTALARM,
    Number::PROF,
    Number::XCPU,
    #[cfg(target_os = "linux")]
    Number::IO,
    #[cfg(target_os = "linux")]
    Number::POWER,
    #[cfg(target_os = "linux")]
    Number::STKFLT,
];
/// The real-time signals that no library keeps for itself.
const REAL_TIME: std::ops::RangeInclusive<i32> = match cfg!(target_os = "linux") {
    true => 34..=64,
    #[expect(clippy::reversed_empty_ranges, reason = "there are none")]
    false => 1..=0,
};
/// A terminal and a program in between may both pass on the same Ctrl-C.
const SAME: Duration = Duration::from_millis(200);

/// The signals that are listened to.
struct Signals {
    urging: Vec<(i32, Signal)>,
    ending: Vec<(i32, Signal)>,
    /// Caught so that they do not end the process; told by nobody.
    _unheeded: Vec<Signal>,
}

/// Which signal came.
struct Came {
    number: i32,
    is_urging: bool,
}

/// From now on signals end the engine in good order; a second one ends the process at once.
///
/// # Errors
/// The operating system gives us no thread, or lets us catch no signal.
pub(super) fn listen(shutdown: Shutdown) -> Result<(), CommandFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Caught before anything is begun that they could break off.
    let signals = {
        let _inside = runtime.enter();
        Signals::catch(&ignored_from_the_start())?
    };
    std::thread::Builder::new()
        .name("herald-signals".to_owned())
        .spawn(move || heed(&runtime, signals, &shutdown))?;
    Ok(())
}

fn heed(runtime: &Runtime, mut signals: Signals, shutdown: &Shutdown) {
    runtime.block_on(async {
        let first = signals.next().await;
        let at = clock::instant();
        tracing::info!(
            signal = first.number,
            "a signal requests an orderly shutdown"
        );
        shutdown.raise(Ending::Asked);
        loop {
            let next = signals.next().await;
            if next.is_urging && clock::instant() - at >= SAME {
                break;
            }
        }
        tracing::warn!("a second signal; ending at once; unfinished messages will be redelivered");
        logging::flush();
        std::process::exit(1);
    });
}

impl Signals {
    fn catch(ignored: &[i32]) -> io::Result<Self> {
        let caught = |number: i32| -> io::Result<(i32, Signal)> {
            Ok((number, signal(SignalKind::from_raw(number))?))
        };
        let numbers = |numbers: &[Number]| -> Vec<i32> {
            numbers.iter().map(|number| number.as_raw()).collect()
        };
        let ending = numbers(ENDING).into_iter().chain(REAL_TIME);
        let ending = ending.filter(|number| !ignored.contains(number));
        Ok(Self {
            urging: numbers(&URGING)
                .into_iter()
                .map(caught)
                .collect::<io::Result<_>>()?,
            ending: ending.map(caught).collect::<io::Result<_>>()?,
            _unheeded: vec![signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?],
        })
    }

    async fn next(&mut self) -> Came {
        std::future::poll_fn(|context| {
            let mut came = |signals: &mut Vec<(i32, Signal)>, is_urging| {
                let mut ready = signals.iter_mut().filter_map(|(number, signal)| {
                    let polled = signal.poll_recv(context);
                    polled.is_ready().then_some(*number)
                });
                ready.next().map(|number| Came { number, is_urging })
            };
            match came(&mut self.urging, true).or_else(|| came(&mut self.ending, false)) {
                Some(came) => Poll::Ready(came),
                None => Poll::Pending,
            }
        })
        .await
    }
}

/// The signals that whoever started us wants ignored, where that is known: `nohup` says so of HUP.
fn ignored_from_the_start() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status)
}

/// What stands in the line `SigIgn` of `/proc/self/status`: one bit for each signal.
fn ignored(status: &str) -> Vec<i32> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    (1..=64)
        .filter(|number| mask >> (number - 1) & 1 == 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        assert_eq!(
            ignored("Name:\therald\nSigIgn:\t0000000000001001\n"),
            [1, 13]
        );
        assert!(ignored("").is_empty());
    }
}
