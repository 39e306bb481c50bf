//! A publisher that a server has accepted, in memory.

use skywave::{
    media::packet::{Packet, StreamFormat},
    rtmp::{
        options::SessionOptions,
        publish::{self, PublishConfig, PublishSession},
        receive::{self, ReceivePolicy, ReceiveSession},
        session::Output,
        url::ServerUrl,
    },
    secret::Secret,
    units::MediaTime,
};

/// Both sides, once the publisher may publish.
pub(crate) fn accepted(format: StreamFormat) -> (PublishSession, ReceiveSession) {
    let config = PublishConfig {
        server: ServerUrl::parse("rtmp://example.org/live").expect("a good address"),
        key: Secret::new("key"),
        options: SessionOptions::default(),
        login: None,
        format,
        was_live: false,
        ack_window: 100_000,
        seed: 1,
    };
    let mut client = PublishSession::new(START, config);
    let mut server = ReceiveSession::new(START, ReceivePolicy::default(), 2);
    while !client.is_publishing() {
        while let Output::Send(bytes) = client.poll_output() {
            server.handle_input(START, receive::Input::Received(&bytes));
        }
        while let Output::Send(bytes) = server.poll_output() {
            client.handle_input(START, publish::Input::Received(&bytes));
        }
    }
    (client, server)
}

/// Publishes `packet`; `sent` gets the bytes for the socket, which takes them at once and gives the buffer back.
pub(crate) fn publish(client: &mut PublishSession, packet: &Packet, mut sent: impl FnMut(&[u8])) {
    client.handle_input(START, publish::Input::Media(packet));
    loop {
        match client.poll_output() {
            Output::Send(mut bytes) => {
                sent(&bytes);
                bytes.clear();
                client.write_to(bytes);
            }
            Output::Event(_) => {}
            Output::WakeAt(_) => break,
        }
    }
}

/// When everything happens.
pub(crate) const START: MediaTime = MediaTime::from_millis(0);
