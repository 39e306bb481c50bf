//! Several addresses at once (Happy Eyeballs, RFC 8305, section 5): the first to connect is taken.

use std::{future::poll_fn, io, net::SocketAddr, task::Poll, time::Duration};

use tokio::time::{Instant, timeout_at};

/// Connects to `addresses` in their order: the next one [`HEAD_START`] after the one before, or as soon as one
/// fails. The first to succeed wins; the others are dropped, which closes them.
///
/// # Errors
/// How each address failed, in the order in which they did; those that had not by `limit` timed out. Empty
/// only if `addresses` is.
pub(super) async fn race<T, E, F>(
    addresses: &[SocketAddr],
    limit: Duration,
    start: impl Fn(SocketAddr) -> F,
) -> Result<(T, SocketAddr), Vec<E>>
where
    F: Future<Output = Result<T, E>>,
    E: From<io::Error>,
{
    let deadline = Instant::now() + limit;
    let mut waiting = addresses.iter().copied();
    let mut running = Vec::new();
    let mut failures = Vec::new();
    loop {
        match waiting.next() {
            Some(address) => running.push((address, Box::pin(start(address)))),
            None if running.is_empty() => return Err(failures),
            None => {}
        }
        // Until the next one's turn: at most until its time, or the end if there is none.
        let turn = if waiting.len() > 0 {
            deadline.min(Instant::now() + HEAD_START)
        } else {
            deadline
        };
        let next = poll_fn(|context| {
            for index in 0..running.len() {
                if let Poll::Ready(result) = running[index].1.as_mut().poll(context) {
                    let (address, _) = running.swap_remove(index);
                    return Poll::Ready((address, result));
                }
            }
            Poll::Pending
        });
        match timeout_at(turn, next).await {
            Ok((address, Ok(connection))) => return Ok((connection, address)),
            Ok((_, Err(failure))) => failures.push(failure),
            Err(_) if Instant::now() >= deadline => {
                let timed_out = || E::from(io::ErrorKind::TimedOut.into());
                failures.extend(running.iter().map(|_| timed_out()));
                return Err(failures);
            }
            Err(_) => {}
        }
    }
}

/// How long an address is waited for before the next one is tried beside it (RFC 8305, section 8).
const HEAD_START: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// What happens at one address, and after how long.
    #[derive(Clone, Copy)]
    enum Fate {
        Connects(u64),
        Fails(u64, io::ErrorKind),
        Silent,
    }
    use Fate::{Connects, Fails, Silent};

    #[derive(Default)]
    struct Seen {
        /// Which addresses were begun with, and when, in milliseconds.
        started: RefCell<Vec<(u8, u128)>>,
        /// Which attempts or connections are gone again.
        closed: RefCell<Vec<u8>>,
    }

    struct Attempt(u8, Rc<Seen>);

    impl Drop for Attempt {
        fn drop(&mut self) {
            self.1.closed.borrow_mut().push(self.0);
        }
    }

    /// Races addresses 0, 1, ... to their fates; also says how long it took, in milliseconds.
    async fn run(
        fates: &[Fate],
    ) -> (
        Result<(Attempt, SocketAddr), Vec<io::Error>>,
        Rc<Seen>,
        u128,
    ) {
        let addresses: Vec<_> = (0..fates.len())
            .map(|index| SocketAddr::from(([10, 0, 0, u8::try_from(index).unwrap()], 1935)))
            .collect();
        let seen = Rc::new(Seen::default());
        let begin = Instant::now();
        let result = race(&addresses, LIMIT, |address| {
            let SocketAddr::V4(v4) = address else {
                unreachable!()
            };
            let index = v4.ip().octets()[3];
            let fate = fates[usize::from(index)];
            let seen = Rc::clone(&seen);
            async move {
                let attempt = Attempt(index, Rc::clone(&seen));
                let now = begin.elapsed().as_millis();
                seen.started.borrow_mut().push((index, now));
                match fate {
                    Connects(after) => {
                        sleep(Duration::from_millis(after)).await;
                        Ok(attempt)
                    }
                    Fails(after, kind) => {
                        sleep(Duration::from_millis(after)).await;
                        Err(io::Error::from(kind))
                    }
                    Silent => std::future::pending().await,
                }
            }
        })
        .await;
        (result, seen, begin.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_answers_at_once_is_the_only_one_tried() {
        let (result, seen, took) = run(&[Connects(30), Connects(0)]).await;
        assert_eq!(result.ok().unwrap().0.0, 0);
        assert_eq!((seen.started.take(), took), (vec![(0, 0)], 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_costs_a_quarter_of_a_second_and_is_closed() {
        let (result, seen, took) = run(&[Silent, Connects(40), Connects(0)]).await;
        let (winner, _) = result.ok().unwrap();
        assert_eq!((winner.0, took), (1, 290));
        assert_eq!(*seen.started.borrow(), [(0, 0), (1, 250)]);
        assert_eq!(*seen.closed.borrow(), [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_address_still_wins_if_it_is_the_first_to_answer() {
        let (result, seen, took) = run(&[Connects(300), Connects(100), Silent]).await;
        let (winner, _) = result.ok().unwrap();
        assert_eq!((winner.0, took), (0, 300));
        assert_eq!(*seen.closed.borrow(), [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_starts_the_next_address_at_once() {
        use io::ErrorKind::{ConnectionRefused, NetworkUnreachable};
        let (result, seen, took) = run(&[
            Fails(0, NetworkUnreachable),
            Silent,
            Fails(20, ConnectionRefused),
            Connects(5),
        ])
        .await;
        assert_eq!((result.ok().unwrap().0.0, took), (3, 275));
        assert_eq!(*seen.started.borrow(), [(0, 0), (1, 0), (2, 250), (3, 270)]);
    }

    #[tokio::test(start_paused = true)]
    async fn all_failures_are_told_and_nothing_is_waited_for_after_the_last() {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable};
        let (result, _, took) =
            run(&[Fails(500, HostUnreachable), Fails(10, ConnectionRefused)]).await;
        let kinds: Vec<_> = result.err().unwrap().iter().map(io::Error::kind).collect();
        assert_eq!(kinds, [ConnectionRefused, HostUnreachable]);
        assert_eq!(took, 500);
    }

    #[tokio::test(start_paused = true)]
    async fn sixteen_silent_addresses_end_together_after_the_limit() {
        let (result, seen, took) = run(&[Silent; 16]).await;
        let failures = result.err().unwrap();
        assert_eq!(failures.len(), 16);
        assert!(
            failures
                .iter()
                .all(|one| one.kind() == io::ErrorKind::TimedOut)
        );
        assert_eq!(took, LIMIT.as_millis());
        assert_eq!(seen.started.borrow()[15], (15, 15 * 250));
        assert_eq!(seen.closed.borrow().len(), 16);
    }
}
