//! What a client's `:authority` has to be over the socket: nothing.

use shopmaster_harness::world::World;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

use crate::support::SECONDS;

const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// A field with its name in the table that both sides know.
fn field(name: u8, value: &str) -> Vec<u8> {
    let mut field = vec![name, u8::try_from(value.len()).unwrap()];
    field.extend_from_slice(value.as_bytes());
    field
}

/// As grpcio and other libraries send it for a socket.
#[tokio::test]
async fn a_path_as_the_authority_is_served() {
    let world = World::builder().unconfigured().start().await.unwrap();
    let socket = world.folders().run.join("agent.sock");
    let encoded = socket.display().to_string().replace('/', "%2F");
    for authority in [encoded, socket.display().to_string()] {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        let fields = [
            // POST, http.
            vec![0x83, 0x86],
            field(0x04, "/grpc.health.v1.Health/Check"),
            field(0x01, &authority),
        ];
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(0x4, 0, 0, &[]));
        bytes.extend(frame(HEADERS, 0x4, 1, &fields.concat()));
        bytes.extend(frame(0x0, 0x1, 1, &[0; 5]));
        stream.write_all(&bytes).await.unwrap();
        loop {
            let mut head = [0; 9];
            timeout(SECONDS, stream.read_exact(&mut head))
                .await
                .unwrap()
                .unwrap();
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            assert_ne!(head[3], RST_STREAM, "`{authority}` is refused");
            if head[3] == HEADERS {
                break;
            }
        }
    }
}
