//! A higher priority for the thread that handles sound, as far as the system allows.
//!
//! A late picture is a picture less; late sound is heard. On Linux the kernel allows it to few users, and `RealtimeKit`
//! grants it to the others on most desktops. Elsewhere, and where both refuse, the thread runs as all others do.

/// Raises the calling thread's priority. Never waits; what was got is told at debug level.
#[cfg(target_os = "linux")]
pub fn raise() {
    linux::raise();
}

/// Does nothing: only Linux is asked so far.
#[cfg(not(target_os = "linux"))]
pub fn raise() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::{fs, thread};

    use rustix::process::setpriority_process;
    use zbus::blocking::{Connection, Proxy};

    pub(super) fn raise() {
        // For the kernel no process means the calling thread.
        let refusal = match setpriority_process(None, NICE) {
            Ok(()) => {
                tracing::debug!(nice = NICE, "the sound's thread goes first");
                return;
            }
            Err(refusal) => refusal,
        };
        let Some(number) = own_number() else {
            tracing::debug!(%refusal, "the sound's thread keeps its priority");
            return;
        };
        // The answer may take its time, which sound has not.
        let asked = thread::Builder::new()
            .name("priority".into())
            .spawn(move || match ask_realtime_kit(number) {
                Ok(()) => {
                    tracing::debug!(nice = NICE, "RealtimeKit lets the sound's thread go first");
                }
                Err(error) => {
                    tracing::debug!(%refusal, %error, "the sound's thread keeps its priority");
                }
            });
        if let Err(error) = asked {
            tracing::debug!(%error, "the sound's thread keeps its priority");
        }
    }

    /// The kernel's number of the calling thread, from a link to `PROCESS/task/THREAD`.
    pub(super) fn own_number() -> Option<u64> {
        let link = fs::read_link("/proc/thread-self").ok()?;
        link.file_name()?.to_str()?.parse().ok()
    }

    fn ask_realtime_kit(thread: u64) -> zbus::Result<()> {
        let name = "org.freedesktop.RealtimeKit1";
        let connection = Connection::system()?;
        let kit = Proxy::new(&connection, name, "/org/freedesktop/RealtimeKit1", name)?;
        kit.call("MakeThreadHighPriority", &(thread, NICE))
    }

    /// What sound servers take for themselves; `RealtimeKit` grants down to -15.
    pub(super) const NICE: i32 = -11;
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::{fs, thread};

    use super::*;

    /// The calling thread's niceness: the 19th field, behind a name that may contain anything (proc(5)).
    fn nice() -> i32 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn one_thread_goes_first_where_that_is_allowed_and_nothing_happens_where_not() {
        let before = nice();
        let worker = thread::Builder::new().name("sound".into()).spawn(|| {
            let before = nice();
            raise();
            (before, nice(), linux::own_number())
        });
        let (other_before, other, number) = worker.unwrap().join().unwrap();
        assert!(other == linux::NICE || other == other_before, "{other}");
        assert_eq!(nice(), before);
        assert_ne!(number, linux::own_number());
    }
}
