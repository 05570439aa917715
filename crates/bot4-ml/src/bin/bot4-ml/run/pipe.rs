//! Reading that can be given up: a thread waits in the system call, the reader waits for it or for the end of the run.

use super::WAIT;
use bot4_lockfree::spsc::{self, Consumer, PopError, Producer};
use bot4_pipeline::stream::Stop;
use std::io::{self, Read};
use std::thread;

/// Bytes asked for at once; a pipe gives what it has.
const CHUNK: usize = 1 << 16;
/// Chunks that may wait.
const CHUNKS: usize = 4;

/// Some bytes of a buffer, or why there are no more.
type Chunk = io::Result<(Box<[u8]>, usize)>;

/// A reader whose end is the end of the input, or a requested stop.
#[derive(Debug)]
pub(super) struct Pipe {
    from: Consumer<Chunk>,
    /// Buffers on their way back.
    back: Producer<Box<[u8]>>,
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
    stop: Stop,
}

impl Pipe {
    /// Starts reading. The thread is not joined: it may wait for input that never comes, and ends with the process.
    pub(super) fn new(raw: impl Read + Send + 'static, stop: Stop) -> io::Result<Self> {
        let (to, from) = spsc::ring(CHUNKS);
        let (back, buffers) = spsc::ring(CHUNKS + 2);
        thread::Builder::new().name("read".to_owned()).spawn(move || fill(raw, to, buffers))?;
        Ok(Self { from, back, buffer: Box::default(), at: 0, end: 0, stop })
    }

    /// The next chunk; `None` at the end or when the run is asked to end.
    fn next(&mut self) -> Option<Chunk> {
        let Self { from, stop, .. } = self;
        WAIT.until(|| match from.pop() {
            Ok(chunk) => Some(Some(chunk)),
            Err(PopError::Closed) => Some(None),
            Err(PopError::Empty) => stop.is_requested().then_some(None),
        })
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end {
            let Some(chunk) = self.next() else { return Ok(0) };
            let (buffer, end) = chunk?;
            // When it finds no room, the reading thread makes another.
            drop(self.back.push(std::mem::replace(&mut self.buffer, buffer)));
            (self.at, self.end) = (0, end);
        }
        let read = (&self.buffer[self.at..self.end]).read(out)?;
        self.at += read;
        Ok(read)
    }
}

fn fill(mut raw: impl Read, mut to: Producer<Chunk>, mut buffers: Consumer<Box<[u8]>>) {
    loop {
        let mut buffer = match buffers.pop() {
            Ok(buffer) if buffer.len() == CHUNK => buffer,
            _ => vec![0; CHUNK].into(),
        };
        let chunk = match raw.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => Ok((buffer, read)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = chunk.is_err();
        if to.push_wait(chunk, WAIT).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Reads that fail once and give little, like a pipe.
    struct Slow(mpsc::Receiver<io::Result<Vec<u8>>>);

    impl Read for Slow {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let Ok(next) = self.0.recv() else { return Ok(0) };
            let bytes = next?;
            out[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }

    #[test]
    fn bytes_come_in_order_and_then_the_end_or_the_error() {
        let (to, from) = mpsc::channel();
        let mut pipe = Pipe::new(Slow(from), Stop::default()).unwrap();
        for number in 0..100_u8 {
            to.send(Ok(vec![number; usize::from(number % 7) + 1])).unwrap();
        }
        to.send(Err(io::ErrorKind::Interrupted.into())).unwrap(); // is tried again
        drop(to);
        let mut read = Vec::new();
        pipe.read_to_end(&mut read).unwrap();
        let want: Vec<u8> = (0..100).flat_map(|number| vec![number; usize::from(number % 7) + 1]).collect();
        assert_eq!(read, want);

        let (to, from) = mpsc::channel();
        let mut pipe = Pipe::new(Slow(from), Stop::default()).unwrap();
        to.send(Ok(vec![1])).unwrap();
        to.send(Err(io::ErrorKind::TimedOut.into())).unwrap();
        assert_eq!(pipe.read(&mut [0; 4]).unwrap(), 1);
        assert_eq!(pipe.read(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_stop_ends_a_read_that_waits() {
        let (to, from) = mpsc::channel();
        let stop = Stop::default();
        let mut pipe = Pipe::new(Slow(from), stop.clone()).unwrap();
        let waiting = thread::spawn(move || pipe.read(&mut [0; 4]).unwrap());
        stop.request();
        assert_eq!(waiting.join().unwrap(), 0);
        drop(to); // the input stayed open until here
    }
}
