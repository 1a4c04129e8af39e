//! Lines on their way out, without anybody ever waiting for them.
//!
//! Whoever logs puts a line into a bounded queue and goes on; a thread of its own writes. A line that
//! finds the queue full, or cannot be written, is lost and counted: a pipe that nobody reads, a reader
//! that has gone and a full disk cost log lines, and nothing else.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

/// Lines that wait to be written. More are lost.
const QUEUE: usize = 8_192;

/// Where lines go. Clones share one queue.
#[derive(Clone)]
pub(super) struct LogQueue {
    queue: SyncSender<Vec<u8>>,
    state: Arc<LogQueueState>,
}

#[derive(Default)]
struct LogQueueState {
    /// Lines that were lost since the start.
    lost: AtomicU64,
    /// Lines in the queue, and the one that is being written.
    waiting: Mutex<u64>,
    changed: Condvar,
}

impl LogQueue {
    /// Writes to `out` from a thread of its own. `tell` is told how many lines were lost since it was
    /// told last, once lines can be written again.
    ///
    /// # Errors
    /// The operating system gives us no thread.
    pub(super) fn to<W>(out: W, tell: impl Fn(u64) + Send + 'static) -> io::Result<Self>
    where
        W: Write + AsFd + Send + 'static,
    {
        Self::with_room(QUEUE, out, tell)
    }

    fn with_room<W>(room: usize, out: W, tell: impl Fn(u64) + Send + 'static) -> io::Result<Self>
    where
        W: Write + AsFd + Send + 'static,
    {
        let (queue, lines) = sync_channel(room);
        let state = Arc::new(LogQueueState::default());
        let writing = Arc::clone(&state);
        std::thread::Builder::new()
            .name("herald-log".to_owned())
            .spawn(move || writing.write_all(&lines, out, &tell))?;
        Ok(Self { queue, state })
    }

    /// Lines that were lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }

    /// Puts a line, with its end, into the queue.
    pub(super) fn put(&self, line: Vec<u8>) {
        *self.state.waiting() += 1;
        if self.queue.try_send(line).is_err() {
            self.state.lose();
            self.state.done();
        }
    }

    /// Waits until all that was put before is written or lost, but no longer than this.
    pub(super) fn flush(&self, limit: Duration) {
        let waiting = self.state.waiting();
        let is_some = |waiting: &mut u64| *waiting > 0;
        // Whatever is not written by then never will be.
        let _ = self
            .state
            .changed
            .wait_timeout_while(waiting, limit, is_some);
    }
}

/// Each call is one whole line, which is how `tracing_subscriber` writes.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogQueueState {
    fn write_all(&self, lines: &Receiver<Vec<u8>>, mut out: impl Write + AsFd, tell: &dyn Fn(u64)) {
        let mut told = 0;
        while let Ok(line) = lines.recv() {
            let written = put_out(&mut out, &line);
            let is_written = written.is_ok();
            if !is_written {
                self.lose();
            }
            let lost = self.lost.load(Ordering::Relaxed);
            // Told when there is room again: in the thick of it, this line would be lost as well.
            if self.done() == 0 && is_written && lost > told {
                tell(lost - told);
                told = lost;
            }
        }
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// One line less waits; says how many do.
    fn done(&self) -> u64 {
        let mut waiting = self.waiting();
        *waiting = waiting.saturating_sub(1);
        self.changed.notify_all();
        *waiting
    }

    fn waiting(&self) -> MutexGuard<'_, u64> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the whole line. Another process may have made the file non-blocking, for all who share it:
/// then this thread waits for room as if it were not.
fn put_out(out: &mut (impl Write + AsFd), line: &[u8]) -> io::Result<()> {
    let mut rest = line;
    while !rest.is_empty() {
        match out.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                retry_on_intr(|| poll(&mut [PollFd::new(out, PollFlags::OUT)], None))?;
            }
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader, PipeWriter, pipe};
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn lines_to(room: usize, out: PipeWriter) -> (LogQueue, mpsc::Receiver<u64>) {
        let (sender, told) = mpsc::channel();
        let tell = move |lost| sender.send(lost).unwrap();
        (LogQueue::with_room(room, out, tell).unwrap(), told)
    }

    #[test]
    fn a_pipe_that_nobody_reads_costs_lines_and_no_time_and_the_loss_is_told() {
        let (reader, writer) = pipe().unwrap();
        let (lines, told) = lines_to(2, writer);
        let long = vec![b'x'; 1_000_000];
        // The first is being written for ever, the next two wait.
        (0..50).for_each(|_| lines.put([&long[..], b"\n"].concat()));
        let lost = lines.lost();
        assert!((47..50).contains(&lost), "{lost}");
        lines.flush(Duration::from_millis(1));
        let mut read = BufReader::new(reader).lines();
        (0..50 - lost).for_each(|_| assert_eq!(read.next().unwrap().unwrap().len(), long.len()));
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), lost);
        lines.put(b"again\n".to_vec());
        assert_eq!(read.next().unwrap().unwrap(), "again");
    }

    #[test]
    fn a_reader_that_has_gone_costs_lines() {
        let (reader, writer) = pipe().unwrap();
        let (lines, _told) = lines_to(100, writer);
        drop(reader);
        (0..10).for_each(|_| lines.put(b"nobody hears it\n".to_vec()));
        lines.flush(PATIENCE);
        assert_eq!(lines.lost(), 10);
    }

    #[test]
    fn a_full_disk_costs_lines() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let lines = LogQueue::to(full, |_| {}).unwrap();
        (0..10).for_each(|_| lines.put(b"no room\n".to_vec()));
        lines.flush(PATIENCE);
        assert_eq!(lines.lost(), 10);
    }

    #[test]
    fn a_pipe_that_somebody_made_non_blocking_is_waited_for() {
        let (reader, writer) = pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let (lines, _told) = lines_to(100, writer);
        let long = [&[b'x'; 300_000][..], b"\n"].concat();
        (0..3).for_each(|_| lines.put(long.clone()));
        let mut read = BufReader::new(reader).lines();
        (0..3).for_each(|_| assert_eq!(read.next().unwrap().unwrap().len(), long.len() - 1));
        lines.flush(PATIENCE);
        assert_eq!(lines.lost(), 0);
    }
}
