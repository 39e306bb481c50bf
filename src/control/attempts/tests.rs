use super::*;

fn millis(millis: u64) -> MediaTime {
    MediaTime::from_millis(millis)
}

fn seconds(seconds: u64) -> MediaTime {
    millis(seconds * 1000)
}

/// All that is to be done at `now`.
fn actions(attempts: &mut Attempts, now: MediaTime) -> Vec<Action> {
    std::iter::from_fn(|| attempts.poll(now, 0.0)).collect()
}

/// The attempt that is started at `now`, and nothing else.
#[track_caller]
fn started(attempts: &mut Attempts, now: MediaTime) -> AttemptId {
    match actions(attempts, now)[..] {
        [Action::Start { id, .. }] => id,
        ref other => panic!("{other:?}"),
    }
}

/// A way to a server that is cut up to a time, as TCP meets it.
struct World {
    attempts: Attempts,
    /// From when on packets pass.
    restored: u64,
    /// Those that connect, and since when.
    connecting: Vec<(AttemptId, u64)>,
    /// The one that speaks, and since when.
    speaking: Option<(AttemptId, u64)>,
    starts: Vec<u64>,
    most_at_once: usize,
}

/// When the first packet of a connection is sent, and sent again while nobody answers.
const SYNS: [u64; 4] = [0, 1000, 3000, 7000];
const ROUND_TRIP: u64 = 100;
/// Round trips from a connection to an accepted stream.
const TO_ACCEPTED: u64 = 6;
const CONNECT_TIMEOUT: u64 = 10_000;

impl World {
    fn cut_until(restored: u64) -> Self {
        Self {
            attempts: Attempts::new(millis(0), None),
            restored,
            connecting: Vec::new(),
            speaking: None,
            starts: Vec::new(),
            most_at_once: 0,
        }
    }

    /// Runs until the stream is accepted; says when that is.
    fn run(&mut self, mut chance: impl FnMut() -> f64) -> u64 {
        for now in (0..).step_by(10) {
            while let Some(action) = self.attempts.poll(millis(now), chance()) {
                self.act(now, action);
            }
            let connected = self.connecting.iter().position(|(_, since)| {
                let passing = SYNS.map(|after| since + after).into_iter();
                let first = passing.filter(|at| *at >= self.restored).min();
                first.is_some_and(|at| now >= at + ROUND_TRIP)
            });
            if let Some(index) = connected {
                let (id, _) = self.connecting.remove(index);
                self.attempts.on_connected(id);
                continue;
            }
            let late = |(_, since): &&(AttemptId, u64)| now >= since + CONNECT_TIMEOUT;
            if let Some((id, _)) = self.connecting.iter().find(late).copied() {
                self.connecting.retain(|(other, _)| *other != id);
                let trouble = Trouble::Link;
                self.attempts.on_failed(id, millis(now), trouble, chance());
            }
            if self
                .speaking
                .is_some_and(|(_, since)| now >= since + TO_ACCEPTED * ROUND_TRIP)
            {
                return now;
            }
        }
        unreachable!("time does not end")
    }

    fn act(&mut self, now: u64, action: Action) {
        match action {
            Action::Start { id, .. } => {
                self.starts.push(now);
                self.connecting.push((id, now));
                self.most_at_once = self.most_at_once.max(self.connecting.len());
            }
            Action::Speak(id) => {
                assert_eq!(self.speaking, None, "two publishers at once");
                self.speaking = Some((id, now));
            }
            Action::Abandon(id) => self.connecting.retain(|(other, _)| *other != id),
            Action::GiveUp => panic!("nobody asked for that"),
        }
    }
}

#[test]
fn it_is_live_again_within_two_seconds_however_long_the_outage_was() {
    let mut seed = 7_u64;
    let mut chance = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f64::from(u32::try_from(seed >> 33).unwrap()) / f64::from(1_u32 << 31)
    };
    let short = (0..40_000).step_by(170);
    for outage in short.chain([100_000, 300_000, 1_800_000, 3_600_000]) {
        let mut world = World::cut_until(outage);
        let accepted = world.run(&mut chance);
        assert!(accepted <= outage + 2000, "{outage}: {accepted}");
        assert!(world.most_at_once <= MOST_AT_ONCE);
        let pauses = world.starts.windows(2).map(|pair| pair[1] - pair[0]);
        for pause in pauses {
            assert!((750..=1010).contains(&pause), "{outage}: {pause}");
        }
    }
}

#[test]
fn the_oldest_attempt_is_left_the_time_that_a_slow_network_needs() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    let mut abandoned = Vec::new();
    for second in 1..20 {
        for action in actions(&mut attempts, seconds(second)) {
            if let Action::Abandon(id) = action {
                abandoned.push(id);
            }
        }
    }
    assert_eq!(abandoned.len(), 20 - MOST_AT_ONCE);
    assert!(abandoned.is_sorted());
    assert!(!abandoned.contains(&first));
    attempts.on_connected(first);
    assert_eq!(actions(&mut attempts, seconds(19)), [Action::Speak(first)]);
}

#[test]
fn no_other_attempt_starts_while_a_slow_server_takes_its_time() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    attempts.on_connected(first);
    assert_eq!(actions(&mut attempts, millis(100)), [Action::Speak(first)]);
    for second in 1..9 {
        attempts.on_look(Quiet::Unacknowledged(Duration::ZERO));
        assert_eq!(actions(&mut attempts, seconds(second)), []);
    }
    assert_eq!(attempts.wake_at(), None);
    let after = attempts.on_failed(first, seconds(10), Trouble::Link, 0.0);
    let at = seconds(10);
    let news = true;
    assert_eq!(
        after,
        After::Retry {
            at,
            attempt: 2,
            news
        }
    );
}

#[test]
fn another_takes_over_where_the_way_of_the_one_that_speaks_is_dead_and_never_speaks_beside_it() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    attempts.on_connected(first);
    actions(&mut attempts, seconds(0));
    attempts.on_look(Quiet::Unacknowledged(STUCK_AFTER / 2));
    assert_eq!(actions(&mut attempts, millis(1500)), []);
    attempts.on_look(Quiet::Unacknowledged(STUCK_AFTER));
    let second = started(&mut attempts, seconds(2));
    attempts.on_connected(second);
    assert_eq!(
        actions(&mut attempts, millis(2100)),
        [Action::Abandon(first), Action::Speak(second)]
    );
    // That it was stuck says nothing about the next one.
    assert_eq!(actions(&mut attempts, seconds(4)), []);
}

#[test]
fn a_way_that_came_back_keeps_the_one_that_speaks() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    attempts.on_connected(first);
    actions(&mut attempts, seconds(0));
    attempts.on_look(Quiet::Unacknowledged(STUCK_AFTER));
    let second = started(&mut attempts, seconds(2));
    attempts.on_look(Quiet::Unacknowledged(Duration::ZERO));
    attempts.on_connected(second);
    assert_eq!(actions(&mut attempts, seconds(5)), []);
    // Once the first one fails for a reason of the server's, the second one is not let in either.
    attempts.on_failed(first, seconds(6), Trouble::Link, 0.0);
    assert!(!attempts.is_running(second));
}

#[test]
fn where_the_system_tells_nothing_more_silence_is_borne() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    attempts.on_connected(first);
    actions(&mut attempts, seconds(0));
    attempts.on_look(Quiet::Unheard(Duration::from_secs(3)));
    assert_eq!(actions(&mut attempts, seconds(3)), []);
    attempts.on_look(Quiet::Unheard(Duration::from_secs(4)));
    started(&mut attempts, seconds(4));
}

#[test]
fn one_that_is_sent_on_lets_others_speak() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    attempts.on_connected(first);
    actions(&mut attempts, seconds(0));
    attempts.on_sent_on(first);
    let second = started(&mut attempts, seconds(1));
    attempts.on_connected(second);
    assert_eq!(actions(&mut attempts, seconds(1)), [Action::Speak(second)]);
    attempts.on_connected(first);
    assert_eq!(actions(&mut attempts, millis(1500)), []);
}

#[test]
fn a_refused_port_is_tried_about_once_a_second() {
    let mut attempts = Attempts::new(seconds(0), None);
    let mut now = seconds(0);
    for number in 1..100 {
        let id = started(&mut attempts, now);
        let after = attempts.on_failed(id, now, Trouble::Link, 0.0);
        let at = now + INTERVAL;
        let attempt = number + 1;
        assert_eq!(
            after,
            After::Retry {
                at,
                attempt,
                news: true
            }
        );
        assert_eq!(attempts.wake_at(), Some(at));
        now = at;
    }
    let id = started(&mut attempts, now);
    attempts.on_failed(id, now, Trouble::Link, 0.0);
    assert_eq!(attempts.poll(now + INTERVAL / 2, 1.0), None);
}

#[test]
fn after_a_stream_was_lost_the_next_attempt_starts_at_once() {
    let mut attempts = Attempts::new(seconds(0), None);
    let id = started(&mut attempts, seconds(0));
    attempts.on_connected(id);
    actions(&mut attempts, seconds(0));
    attempts.on_accepted();
    attempts.on_live(seconds(1));
    assert_eq!(attempts.wake_at(), None);
    assert_eq!(actions(&mut attempts, seconds(60)), []);
    let after = attempts.on_lost(seconds(100), Trouble::Link, 0.0);
    let (at, attempt, news) = (seconds(100), 1, true);
    assert_eq!(after, After::Retry { at, attempt, news });
    started(&mut attempts, seconds(100));
}

#[test]
fn what_an_old_attempt_meets_is_no_news_once_a_newer_one_met_something_else() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    let second = started(&mut attempts, seconds(1));
    let is_news = |after| match after {
        After::Retry { news, .. } => news,
        After::Stop => panic!("it goes on"),
    };
    let third = started(&mut attempts, seconds(2));
    assert!(is_news(attempts.on_failed(
        second,
        seconds(2),
        Trouble::Link,
        0.0
    )));
    assert!(!is_news(attempts.on_failed(
        first,
        seconds(3),
        Trouble::Link,
        0.0
    )));
    assert!(is_news(attempts.on_failed(
        third,
        seconds(3),
        Trouble::Link,
        0.0
    )));
}

#[test]
fn a_name_that_is_held_is_waited_for_by_all_unless_somebody_asks() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    let second = started(&mut attempts, seconds(1));
    attempts.on_connected(second);
    actions(&mut attempts, seconds(1));
    let after = attempts.on_failed(second, millis(1500), Trouble::NameInUse, 0.5);
    let (at, attempt, news) = (millis(3500), 3, true);
    assert_eq!(after, After::Retry { at, attempt, news });
    assert!(!attempts.is_running(first));
    assert_eq!(actions(&mut attempts, seconds(3)), []);
    attempts.hurry(seconds(3));
    assert_eq!(attempts.next(), (seconds(3), 3));
    started(&mut attempts, seconds(3));
    assert_eq!(actions(&mut attempts, millis(3500)), []);
}

#[test]
fn asked_to_an_attempt_starts_even_beside_one_that_speaks_and_only_one() {
    let mut attempts = Attempts::new(seconds(0), None);
    let first = started(&mut attempts, seconds(0));
    attempts.on_connected(first);
    actions(&mut attempts, seconds(0));
    attempts.hurry(millis(300));
    started(&mut attempts, millis(300));
    assert_eq!(actions(&mut attempts, seconds(9)), []);

    // While the stream is accepted there is nothing to hurry, then or later.
    attempts.on_accepted();
    attempts.hurry(seconds(10));
    assert_eq!(actions(&mut attempts, seconds(10)), []);
}

#[test]
fn a_network_that_changes_all_the_time_floods_no_server() {
    let mut attempts = Attempts::new(seconds(0), None);
    let mut starts = 0;
    for now in (0..10_000).step_by(50).map(millis) {
        attempts.hurry(now);
        for action in actions(&mut attempts, now) {
            if let Action::Start { id, .. } = action {
                starts += 1;
                attempts.on_failed(id, now, Trouble::NameInUse, 0.5);
            }
        }
    }
    assert_eq!(starts, 40, "four in a second");
}

#[test]
fn what_is_hopeless_ends_it() {
    let mut attempts = Attempts::new(seconds(0), None);
    let id = started(&mut attempts, seconds(0));
    let after = attempts.on_failed(id, seconds(0), Trouble::Hopeless, 0.0);
    assert_eq!(after, After::Stop);
    assert_eq!(actions(&mut attempts, seconds(100)), []);
    assert_eq!(attempts.wake_at(), None);
}

#[test]
fn it_is_given_up_when_the_time_for_that_comes_whatever_is_under_way() {
    let mut attempts = Attempts::new(seconds(0), Some(Duration::from_secs(2)));
    let id = started(&mut attempts, seconds(0));
    assert_eq!(attempts.wake_at(), Some(seconds(1)));
    started(&mut attempts, seconds(1));
    assert_eq!(attempts.wake_at(), Some(seconds(2)));
    assert_eq!(actions(&mut attempts, seconds(2)), [Action::GiveUp]);
    assert!(!attempts.is_running(id));
    assert_eq!(actions(&mut attempts, seconds(3)), []);
}

#[test]
fn after_eight_hours_of_sleep_an_attempt_starts_at_once() {
    let mut attempts = Attempts::new(seconds(0), None);
    started(&mut attempts, seconds(0));
    started(&mut attempts, seconds(8 * 3600));
}
