//! What a client may send, through the real server of HTTP/2.

use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
const UNKNOWN: u8 = 0xb7;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// In the last frame of each client.
const END: &[u8] = b"the end!";
/// As grpcio sends it.
const SOCKET: &str = "%2Frun%2Fuser%2F1000%2Fshopmaster.sock";
const SAFE: &str = "-2Frun-2Fuser-2F1000-2Fshopmaster.sock";

/// How a field is put on the wire.
#[derive(Debug, Clone, Copy)]
struct Way {
    indexed: bool,
    kept: bool,
    is_name_huffman: bool,
    is_value_huffman: bool,
    is_name_told: bool,
}

const PLAIN: Way = Way {
    indexed: false,
    kept: false,
    is_name_huffman: false,
    is_value_huffman: false,
    is_name_told: false,
};

/// One call.
#[derive(Debug, Clone)]
struct Call {
    authority: String,
    way: Way,
    headers: Vec<(String, String, Way)>,
    padding: Option<u8>,
    has_priority: bool,
    /// Fields in one frame.
    in_a_frame: usize,
    data: Option<Vec<u8>>,
    trailers: Vec<(String, String, Way)>,
    /// The size that the client gives its table before it.
    table: Option<usize>,
}

impl Call {
    fn to(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            way: PLAIN,
            headers: Vec::new(),
            padding: None,
            has_priority: false,
            in_a_frame: 99,
            data: None,
            trailers: Vec::new(),
            table: None,
        }
    }
}

/// A client with a table of its own, which has what it sent.
struct Sender {
    bytes: Vec<u8>,
    table: VecDeque<(String, String)>,
    table_size: usize,
    stream: u32,
}

impl Sender {
    fn new() -> Self {
        let mut sender = Self {
            bytes: PREFACE.to_vec(),
            table: VecDeque::new(),
            table_size: 4_096,
            stream: 1,
        };
        sender.frame(SETTINGS, 0, 0, &[]);
        sender
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.bytes.extend_from_slice(&length[1..]);
        self.bytes.extend_from_slice(&[kind, flags]);
        self.bytes.extend_from_slice(&stream.to_be_bytes());
        self.bytes.extend_from_slice(payload);
    }

    fn call(&mut self, call: &Call) {
        let mut fields = Vec::new();
        if let Some(size) = call.table {
            self.table_size = size;
            self.evict();
            fields.push(number(0x20, 5, size));
        }
        let pseudo = [
            (":method", "POST", PLAIN),
            (":scheme", "http", PLAIN),
            (":path", "/p", PLAIN),
            (":authority", &call.authority, call.way),
        ];
        for (name, value, way) in pseudo {
            fields.push(self.field(name, value, way));
        }
        for (name, value, way) in &call.headers {
            fields.push(self.field(name, value, *way));
        }
        let is_over = call.data.is_none() && call.trailers.is_empty();
        self.headers(&fields, call, is_over);
        self.frame(PING, 0, 0, b"01234567");
        self.frame(UNKNOWN, 0xff, self.stream, b"\x41\x01%");
        if let Some(data) = &call.data {
            let end = if call.trailers.is_empty() {
                END_STREAM
            } else {
                0
            };
            self.frame(DATA, end, self.stream, data);
        }
        if !call.trailers.is_empty() {
            let mut fields = Vec::new();
            for (name, value, way) in &call.trailers {
                fields.push(self.field(name, value, *way));
            }
            self.headers(&fields, call, true);
        }
        self.stream += 2;
    }

    fn headers(&mut self, fields: &[Vec<u8>], call: &Call, ends_stream: bool) {
        let frames: Vec<_> = fields.chunks(call.in_a_frame).map(<[_]>::concat).collect();
        for (at, fields) in frames.iter().enumerate() {
            let mut flags = 0;
            if at + 1 == frames.len() {
                flags |= END_HEADERS;
            }
            if at > 0 {
                self.frame(CONTINUATION, flags, self.stream, fields);
                continue;
            }
            let mut payload = Vec::new();
            if ends_stream {
                flags |= END_STREAM;
            }
            if let Some(padding) = call.padding {
                flags |= PADDED;
                payload.push(padding);
            }
            if call.has_priority {
                flags |= PRIORITY;
                payload.extend_from_slice(&[0, 0, 0, 0, 16]);
            }
            payload.extend_from_slice(fields);
            payload.extend(vec![0; call.padding.unwrap_or_default().into()]);
            self.frame(HEADERS, flags, self.stream, &payload);
        }
    }

    fn field(&mut self, name: &str, value: &str, way: Way) -> Vec<u8> {
        let is_it = |(own, other): &(String, String)| own == name && other == value;
        let known = self.table.iter().position(is_it).filter(|_| way.indexed);
        if let Some(at) = known {
            return number(0x80, 7, 62 + at);
        }
        let (first, bits) = if way.kept { (0x40, 6) } else { (0x00, 4) };
        let is_indexed = name == ":authority" && !way.is_name_told;
        let mut bytes = number(first, bits, usize::from(is_indexed));
        if !is_indexed {
            bytes.extend(text(name, way.is_name_huffman));
        }
        bytes.extend(text(value, way.is_value_huffman));
        if way.kept {
            self.table.push_front((name.to_owned(), value.to_owned()));
            self.evict();
        }
        bytes
    }

    fn evict(&mut self) {
        let size = |(name, value): &(String, String)| name.len() + value.len() + 32;
        while self.table.iter().map(size).sum::<usize>() > self.table_size {
            self.table.pop_back();
        }
    }
}

fn number(first: u8, bits: u32, value: usize) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if value < most {
        return vec![first | u8::try_from(value).unwrap()];
    }
    let mut bytes = vec![first | u8::try_from(most).unwrap()];
    let mut rest = value - most;
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 0x80);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

fn text(text: &str, is_huffman: bool) -> Vec<u8> {
    let compressed = huffman::encode(text.as_bytes()).filter(|_| is_huffman);
    let (first, text) = match compressed {
        Some(text) => (0x80, text),
        None => (0x00, text.as_bytes().to_vec()),
    };
    let mut bytes = number(first, 7, text.len());
    bytes.extend(text);
    bytes
}

/// Gives bytes in pieces of these lengths, over and over, and has nothing ready before each piece.
struct Pieces {
    bytes: VecDeque<u8>,
    lengths: Vec<usize>,
    next: usize,
    is_ready: bool,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_ready = !self.is_ready;
        if self.is_ready {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = self.lengths[self.next % self.lengths.len()];
        self.next += 1;
        let count = length.min(self.bytes.len()).min(buffer.remaining());
        let piece: Vec<_> = self.bytes.drain(..count).collect();
        buffer.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// What comes out when these bytes go in, in pieces of these lengths.
async fn through(bytes: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut reader = AnyAuthority::new(Pieces {
        bytes: bytes.iter().copied().collect(),
        lengths: lengths.to_vec(),
        next: 0,
        is_ready: false,
    });
    let mut all = Vec::new();
    let mut buffer = [0; 61];
    loop {
        match reader.read(&mut buffer).await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
        let held = reader.held.as_ref().map_or(0, |held| held.bytes.len());
        assert!(held <= 1_024, "{held} bytes are held");
    }
}

/// What HTTP/2's own server makes of bytes: the authority and the other headers of each call.
async fn served(bytes: &[u8]) -> Vec<(String, Vec<(String, String)>)> {
    let (mut client, server) = duplex(1 << 20);
    let mut end = Sender::new();
    end.bytes.clear();
    end.frame(PING, 0, 0, END);
    client
        .write_all(&[bytes, &end.bytes].concat())
        .await
        .unwrap();
    let mut server = h2::server::Builder::new()
        .max_header_list_size(1 << 20)
        .handshake::<_, io::Cursor<Vec<u8>>>(server)
        .await
        .unwrap();
    let mut calls = Vec::new();
    let mut answers = Vec::new();
    let answered = answered(client);
    tokio::pin!(answered);
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = server.accept() => accepted,
            () = &mut answered => return calls,
        };
        let Some(Ok((request, answer))) = accepted else {
            return calls;
        };
        assert_eq!(request.uri().path(), "/p");
        let headers = request.headers().iter().map(|(name, value)| {
            let value = value.to_str().unwrap();
            (name.to_string(), value.to_owned())
        });
        let authority = request.uri().authority().unwrap().to_string();
        calls.push((authority, headers.collect()));
        answers.push((request, answer));
    }
}

/// Waits until the server has answered the last frame.
async fn answered(mut client: tokio::io::DuplexStream) {
    let mut all = Vec::new();
    while client.read_buf(&mut all).await.unwrap() > 0 {
        if all.windows(END.len()).any(|it| it == END) {
            return;
        }
    }
}

fn sent(calls: &[Call]) -> Vec<u8> {
    let mut sender = Sender::new();
    calls.iter().for_each(|call| sender.call(call));
    sender.bytes
}

/// The authorities that arrive.
fn authorities(calls: &[Call]) -> Vec<String> {
    block_on(async {
        let bytes = through(&sent(calls), &[usize::MAX]).await;
        served(&bytes)
            .await
            .into_iter()
            .map(|call| call.0)
            .collect()
    })
}

#[test]
fn what_grpcio_sends_is_refused_without_and_served_with_it() {
    let bytes = sent(&[Call::to(SOCKET)]);
    assert!(block_on(served(&bytes)).is_empty());
    assert_eq!(authorities(&[Call::to(SOCKET)]), [SAFE]);
}

#[test]
fn every_way_to_send_an_authority_is_understood() {
    for way in 0..32_u8 {
        let way = Way {
            indexed: way & 1 != 0,
            kept: way & 2 != 0,
            is_name_huffman: way & 4 != 0,
            is_value_huffman: way & 8 != 0,
            is_name_told: way & 16 != 0,
        };
        let call = Call {
            way,
            ..Call::to(SOCKET)
        };
        let calls = [call.clone(), call.clone(), call];
        assert_eq!(authorities(&calls), [SAFE; 3], "{way:?}");
    }
}

#[test]
fn an_acceptable_authority_stays_as_it_is() {
    for authority in ["localhost", "agent", "[::1]:80", "a%20b@c:1", "x~y!"] {
        for is_value_huffman in [false, true] {
            let call = Call {
                way: Way {
                    is_value_huffman,
                    ..PLAIN
                },
                ..Call::to(authority)
            };
            assert_eq!(authorities(&[call]), [authority]);
        }
    }
}

#[test]
fn paths_of_every_kind_are_taken() {
    let odd = [
        "/var/run/x.sock",
        "C:\\run\\x",
        "a:b:c",
        "/home/jörg/x y",
        "@",
        "%",
    ];
    for authority in odd {
        assert_eq!(authorities(&[Call::to(authority)]).len(), 1, "{authority}");
    }
}

/// Such a call is refused, as without all this, and the next one is not.
#[test]
fn what_cannot_be_replaced_passes_untouched() {
    let compressed = |authority| Call {
        way: Way {
            is_value_huffman: true,
            kept: true,
            ..PLAIN
        },
        ..Call::to(authority)
    };
    let long = "%".repeat(1_025);
    for call in [compressed("a<b"), compressed("a#<"), Call::to(&long)] {
        let before = sent(std::slice::from_ref(&call));
        assert_eq!(block_on(through(&before, &[7])), before);
        assert_eq!(authorities(&[call, Call::to(SOCKET)]), [SAFE]);
    }
}

#[test]
fn an_authority_that_a_frames_end_cuts_passes_untouched() {
    let mut sender = Sender::new();
    let mut block = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/p"),
        (":authority", SOCKET),
    ]
    .map(|(name, value)| sender.field(name, value, PLAIN))
    .concat();
    let rest = block.split_off(block.len() - 5);
    sender.frame(HEADERS, END_STREAM, 1, &block);
    sender.frame(CONTINUATION, END_HEADERS, 1, &rest);
    assert_eq!(block_on(through(&sender.bytes, &[9])), sender.bytes);
    sender.stream = 3;
    sender.call(&Call::to(SOCKET));
    let calls = block_on(async { served(&through(&sender.bytes, &[9]).await).await });
    assert_eq!(calls.len(), 1);
}

#[test]
fn behind_something_malformed_nothing_is_touched() {
    let call = sent(&[Call::to(SOCKET)]);
    let call = &call[PREFACE.len()..];
    let frame = |kind, flags, payload: &[u8]| {
        let mut sender = Sender::new();
        sender.frame(kind, flags, 1, payload);
        sender.bytes
    };
    for beginning in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        // A continuation of nothing, a block that something interrupts, padding longer than the frame.
        frame(CONTINUATION, END_HEADERS, b""),
        [
            frame(HEADERS, 0, b""),
            frame(PING, 0, b"01234567")[PREFACE.len()..].to_vec(),
        ]
        .concat(),
        frame(HEADERS, END_HEADERS | PADDED, b"\x02x"),
        frame(HEADERS, END_HEADERS | PADDED, b""),
        frame(HEADERS, END_HEADERS | PRIORITY, b"0000"),
        // A block that ends in the middle of a field, a number without an end.
        frame(HEADERS, END_HEADERS, b"\x41\x05abc"),
        frame(HEADERS, END_HEADERS, b"\xff\xff\xff\xff\xff\xff\xff\x01"),
        frame(0x5, END_HEADERS, b"\0\0\0\x02"),
    ] {
        let bytes = [&beginning, call].concat();
        assert_eq!(block_on(through(&bytes, &[4])), bytes, "{beginning:x?}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_an_authority_has_sent_what_it_sent() {
    let bytes = sent(&[Call::to(SOCKET)]);
    let end = bytes.windows(4).position(|it| it == b"user").unwrap();
    assert_eq!(block_on(through(&bytes[..end], &[3])), &bytes[..end]);
}

fn ways() -> impl Strategy<Value = Way> {
    any::<[bool; 5]>().prop_map(|[indexed, kept, name, value, told]| Way {
        indexed,
        kept,
        is_name_huffman: name,
        is_value_huffman: value,
        is_name_told: told,
    })
}

fn headers() -> impl Strategy<Value = Vec<(String, String, Way)>> {
    vec(("x-[a-c]", "[!-~]{1,300}", ways()), 0..5)
}

prop_compose! {
    fn calls()(
        authority in prop_oneof![
            "[a-zA-Z0-9%/:@._~-]{1,80}",
            Just(SOCKET.to_owned()),
            Just("localhost".to_owned()),
        ],
        way in ways(),
        headers in headers(),
        padding in any::<Option<u8>>(),
        has_priority in any::<bool>(),
        in_a_frame in 1_usize..12,
        data in any::<Option<Vec<u8>>>(),
        trailers in headers(),
        table in prop_oneof![9 => Just(None), 1 => (0_usize..=4_096).prop_map(Some)],
    ) -> Call {
        Call {
            authority, way, headers, padding, has_priority, in_a_frame, data, trailers, table,
        }
    }
}

proptest! {
    /// However a client encodes, splits and reuses what it sends, the server sees each call with its headers.
    #[test]
    fn every_call_arrives(calls in vec(calls(), 1..8), lengths in vec(1_usize..400, 1..9)) {
        let bytes = sent(&calls);
        let arrived = block_on(async {
            let passed = through(&bytes, &lengths).await;
            assert_eq!(passed.len(), bytes.len());
            assert_eq!(passed, through(&bytes, &[usize::MAX]).await);
            served(&passed).await
        });
        prop_assert_eq!(arrived.len(), calls.len());
        for (call, (authority, headers)) in calls.iter().zip(arrived) {
            prop_assert_eq!(authority.len(), call.authority.len());
            // The server gives headers of one name together.
            let sorted = |mut headers: Vec<(String, String)>| {
                headers.sort_by(|one, other| one.0.cmp(&other.0));
                headers
            };
            let expected = call.headers.iter().map(|(name, value, _)| (name.clone(), value.clone()));
            prop_assert_eq!(sorted(headers), sorted(expected.collect()));
        }
    }

    /// A client may send anything: nothing is added, lost or kept.
    #[test]
    fn anything_passes(
        calls in vec(calls(), 0..4),
        noise in vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        behind in vec(any::<u8>(), 0..400),
        lengths in vec(1_usize..90, 1..9),
    ) {
        let mut bytes = sent(&calls);
        let sound = PREFACE.len();
        for (at, byte) in noise {
            let at = sound + at.index(bytes.len() - sound);
            bytes[at] = byte;
        }
        bytes.extend(behind);
        let passed = block_on(through(&bytes, &lengths));
        prop_assert_eq!(passed.len(), bytes.len());
    }
}
