//! A stream with a backup: what happens when one of the two servers fails.

use std::{
    net::Shutdown,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    servers::{servers, spawn},
    *,
};

/// A config with a server at each address; the backup has a key of its own.
fn both(primary: SocketAddr, backup: SocketAddr, warm: bool) -> PublisherConfig {
    PublisherConfig {
        backup: Some(BackupServer {
            server: ServerUrl::parse(&format!("rtmp://{backup}/live")).unwrap(),
            key: Secret::new("key-of-backup"),
            warm,
            return_to_primary: false,
        }),
        ..config_for(primary)
    }
}

/// A server that lets only publishers with `key` in.
fn server_for(key: &str, listen: &str) -> (Receiver, EventReceiver<Received>) {
    let policy = ReceivePolicy {
        key: Some(Secret::new(key)),
        ..ReceivePolicy::default()
    };
    receiver(listen, policy)
}

fn backup_server() -> (Receiver, EventReceiver<Received>) {
    server_for("key-of-backup", LOOPBACK)
}

fn returning(config: PublisherConfig) -> PublisherConfig {
    let backup = config.backup.map(|backup| BackupServer {
        return_to_primary: true,
        ..backup
    });
    PublisherConfig { backup, ..config }
}

impl Fed {
    #[track_caller]
    fn wait_for_move(&mut self) -> (bool, String) {
        match self.wait_for(|event| matches!(event, PublisherEvent::Moved { .. })) {
            PublisherEvent::Moved {
                to_backup, reason, ..
            } => (to_backup, reason),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn wait_until_ready(&mut self, ready: bool) {
        self.feed_until(|fed| fed.publisher.stats().backup_ready == Some(ready));
    }

    /// Since when, in [`Fed::seen`], it was told to be live last.
    fn trouble_since_live(&self) -> bool {
        let live = |event: &PublisherEvent| matches!(event, PublisherEvent::Live { .. });
        let after = self.seen.iter().rposition(live).unwrap_or(0);
        let mut rest = self.seen[after..].iter();
        rest.any(|event| matches!(event, PublisherEvent::Reconnecting { .. }))
    }
}

/// The numbers of the pictures among `tags`, the first of which is a key frame.
#[track_caller]
fn pictures(tags: &[Received]) -> Vec<u64> {
    let pictures: Vec<_> = tags
        .iter()
        .filter_map(|tag| match tag {
            Received::Video { body, .. } if body[1] == 1 => Some(body),
            _ => None,
        })
        .collect();
    assert_eq!(pictures[0][0], 0x17, "the first picture is a key frame");
    let number = |body: &&Bytes| u64::from_be_bytes(body[5..13].try_into().unwrap());
    pictures.iter().map(number).collect()
}

/// Carries connections to a server, until it is frozen: then it reads nothing any more and closes nothing.
struct Frozen {
    address: SocketAddr,
    frozen: Arc<AtomicBool>,
}

impl Frozen {
    fn before(server: SocketAddr) -> Self {
        let frozen = Arc::new(AtomicBool::new(false));
        let freeze = Arc::clone(&frozen);
        let address = servers(move |_, near| {
            let far = TcpStream::connect(server).unwrap();
            let (near_too, far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let freeze_too = Arc::clone(&freeze);
            spawn(move || carry(far_too, near_too, &freeze_too));
            carry(near, far, &freeze);
        });
        Self { address, frozen }
    }

    fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, frozen: &AtomicBool) {
    let wait = Duration::from_millis(5);
    from.set_read_timeout(Some(wait)).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let ends = Instant::now() + PATIENCE;
    while Instant::now() < ends {
        if frozen.load(Ordering::Relaxed) {
            thread::sleep(wait);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) if to.write_all(&buffer[..count]).is_err() => break,
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_first_server_that_is_not_there_is_left_for_the_backup_with_its_own_key() {
    let (backup, arrived) = backup_server();
    let mut fed = Fed::start(both(dead_address(), backup.local_addr(), false));
    let (to_backup, reason) = fed.wait_for_move();
    assert!(to_backup);
    assert!(reason.contains("refused"), "{reason}");
    fed.wait_until_live();
    assert_eq!(fed.publisher.stats().backup_ready, None);
    fed.stop();
    let tags = up_to_the_end(&arrived);
    assert!(matches!(&tags[0], Received::Began { key, .. } if key.expose() == "key-of-backup"));
    let shown = format!("{:?}", fed.seen);
    assert!(!shown.contains("key-of-backup"), "{shown}");
}

#[test]
fn a_first_server_that_dies_is_left_for_the_backup_and_stays_left() {
    let (primary, _) = receiver(LOOPBACK, ReceivePolicy::default());
    let address = primary.local_addr();
    let (backup, _arrived) = backup_server();
    let mut fed = Fed::start(both(address, backup.local_addr(), false));
    fed.wait_until_live();
    drop(primary);
    fed.wait_for_trouble();
    assert!(fed.wait_for_move().0);
    fed.wait_until_live();

    let (_primary, came_back) = receiver(&address.to_string(), ReceivePolicy::default());
    fed.feed_for(Duration::from_secs(1));
    assert!(came_back.try_recv().is_err());
    fed.stop();
}

#[test]
fn a_first_server_that_refuses_for_good_does_not_end_it_while_there_is_a_backup() {
    let (primary, _) = server_for("another", LOOPBACK);
    let (backup, _arrived) = backup_server();
    let mut fed = Fed::start(both(primary.local_addr(), backup.local_addr(), false));
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(fed.wait_for_move().0);
    fed.wait_until_live();
    fed.stop();

    // Both refuse.
    let (other, _) = server_for("another", LOOPBACK);
    let mut fed = Fed::start(both(primary.local_addr(), other.local_addr(), true));
    assert_eq!(fed.wait_for_end().unwrap().kind, FailureKind::Refused);
}

#[test]
fn a_first_server_that_hangs_is_left_for_the_backup() {
    let primary = servers(|_, stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    let (backup, _arrived) = backup_server();
    let mut fed = Fed::start(both(primary, backup.local_addr(), false));
    assert!(fed.wait_for_move().0);
    fed.wait_until_live();
    fed.stop();
}

#[test]
fn a_stop_is_quick_while_both_servers_fail() {
    let hanging = servers(|_, stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    for backup in [hanging, dead_address()] {
        for warm in [false, true] {
            let mut fed = Fed::start(both(dead_address(), backup, warm));
            fed.wait_for(|event| matches!(event, PublisherEvent::Connecting { attempt: 3 }));
            fed.stop();
        }
    }
}

#[test]
fn a_link_that_falls_silent_is_left_for_a_warm_backup_before_it_counts_as_dead() {
    let (primary, arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let link = Frozen::before(primary.local_addr());
    let (backup, arrived_at_backup) = backup_server();
    let mut fed = Fed::start(both(link.address, backup.local_addr(), true));
    fed.frame_bytes = 100_000;
    fed.wait_until_live();
    fed.wait_until_ready(true);
    assert!(
        arrived_at_backup.try_recv().is_err(),
        "the backup knows of no stream yet"
    );
    link.freeze();
    let (to_backup, reason) = fed.wait_for_move();
    assert!(to_backup);
    assert!(reason.contains("in the last"), "{reason}");
    let moved_at = fed.frames;
    fed.feed_until(|fed| fed.frames > moved_at + 2 * fed.key_frame_interval);
    assert!(!fed.trouble_since_live(), "{:?}", fed.seen);
    fed.stop();

    let second = pictures(&up_to_the_end(&arrived_at_backup));
    // It begins with a key frame that was there or came by then, and nothing is missing behind it.
    assert!(
        second[0] <= moved_at + fed.key_frame_interval,
        "{second:?} {moved_at}"
    );
    assert!(
        second.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{second:?}"
    );
    link.thaw();
    let last_at_first = arrived.try_iter().count();
    assert!(last_at_first > 0);
}

#[test]
fn a_first_server_that_closes_is_left_for_a_warm_backup_at_once() {
    let (primary, _) = receiver(LOOPBACK, ReceivePolicy::default());
    let (backup, arrived) = backup_server();
    let mut fed = Fed::start(both(primary.local_addr(), backup.local_addr(), true));
    fed.wait_until_live();
    fed.wait_until_ready(true);
    drop(primary);
    let (to_backup, reason) = fed.wait_for_move();
    assert!(to_backup);
    assert!(reason.contains("closed"), "{reason}");
    fed.feed_for(Duration::from_millis(500));
    assert!(!fed.trouble_since_live(), "{:?}", fed.seen);
    fed.stop();
    pictures(&up_to_the_end(&arrived));
}

#[test]
fn a_warm_backup_that_breaks_is_made_again_and_the_stream_does_not_notice() {
    let (primary, arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let (backup, _) = backup_server();
    let address = backup.local_addr();
    let mut fed = Fed::start(both(primary.local_addr(), address, true));
    fed.wait_until_live();
    fed.wait_until_ready(true);
    drop(backup);
    fed.wait_until_ready(false);
    let (_backup, at_backup) = server_for("key-of-backup", &address.to_string());
    fed.wait_until_ready(true);
    assert!(!fed.trouble_since_live(), "{:?}", fed.seen);
    fed.stop();
    let began = |event: &Received| matches!(event, Received::Began { .. });
    assert!(!at_backup.try_iter().any(|event| began(&event)));
    let first = pictures(&up_to_the_end(&arrived));
    assert!(
        first.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{first:?}"
    );
}

#[test]
fn a_warm_backup_that_cannot_be_reached_is_told_once_and_costs_nothing() {
    let (primary, _arrived) = receiver(LOOPBACK, ReceivePolicy::default());
    let mut fed = Fed::start(both(primary.local_addr(), dead_address(), true));
    fed.wait_until_live();
    let note = fed.wait_for(|event| {
        matches!(
            event,
            PublisherEvent::Note {
                severity: NoteSeverity::Warning,
                ..
            }
        )
    });
    assert!(format!("{note:?}").contains("kept ready"), "{note:?}");
    assert_eq!(fed.publisher.stats().backup_ready, Some(false));
    fed.feed_for(Duration::from_millis(300));
    assert!(!fed.trouble_since_live(), "{:?}", fed.seen);
    fed.stop();
}

#[test]
fn a_stream_returns_to_the_first_server_without_a_gap_once_that_was_well_for_a_while() {
    let (primary, _) = receiver(LOOPBACK, ReceivePolicy::default());
    let address = primary.local_addr();
    let (backup, at_backup) = backup_server();
    let world = World {
        well_for: Duration::from_millis(500),
        ..World::here()
    };
    let config = returning(both(address, backup.local_addr(), true));
    let mut fed = Fed::start_in(world, config);
    fed.wait_until_live();
    fed.wait_until_ready(true);
    drop(primary);
    assert!(fed.wait_for_move().0);
    let (_primary, at_primary) = receiver(&address.to_string(), ReceivePolicy::default());
    let (to_backup, reason) = fed.wait_for_move();
    assert!(!to_backup);
    assert!(reason.contains("well again"), "{reason}");
    fed.feed_for(Duration::from_millis(500));
    // The one that is left behind is kept ready again.
    fed.wait_until_ready(true);
    assert!(!fed.trouble_since_live(), "{:?}", fed.seen);
    fed.stop();

    let second = pictures(&up_to_the_end(&at_backup));
    let third = pictures(&up_to_the_end(&at_primary));
    assert_eq!(second.last().unwrap() + 1, third[0], "{second:?} {third:?}");
}

#[test]
fn a_warm_backup_that_does_not_take_the_stream_leaves_it_to_the_usual_ways() {
    let (primary, _) = receiver(LOOPBACK, ReceivePolicy::default());
    let address = primary.local_addr();
    // It lets everybody connect, and takes no stream.
    let (backup, _) = server_for("another", LOOPBACK);
    let mut fed = Fed::start(both(address, backup.local_addr(), true));
    fed.wait_until_live();
    fed.wait_until_ready(true);
    drop(primary);
    let failure = fed.wait_for_trouble();
    assert_eq!(failure.kind, FailureKind::Closed, "{failure}");
    let (_primary, _arrived) = receiver(&address.to_string(), ReceivePolicy::default());
    fed.wait_until_live();
    let moved = |event: &PublisherEvent| matches!(event, PublisherEvent::Moved { .. });
    assert!(!fed.seen.iter().any(moved), "{:?}", fed.seen);
    fed.stop();
}
