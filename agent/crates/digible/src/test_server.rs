//! A very small HTTP server for the tests of this crate.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// How the server responds.
#[derive(Debug, Clone)]
pub(super) enum Response {
    /// Status, headers, body.
    Full(u16, Vec<(&'static str, String)>, String),
    /// A body that is shorter than announced.
    Torn,
    /// The connection is closed without a byte.
    Cut,
    /// Nothing, for as long as the client waits.
    Hang,
}

/// Records every request; stops when it is dropped.
pub(super) struct TestServer {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    accepting: JoinHandle<()>,
}

type Handler = Arc<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

impl TestServer {
    /// Starts a server that answers with what `handler` returns, when it returns.
    pub(super) async fn start<F>(handler: impl Fn(Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request| Box::pin(handler(request)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let accepting = tokio::spawn({
            let requests = requests.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, handler.clone(), requests.clone()));
                }
            }
        });
        Self {
            url,
            requests,
            accepting,
        }
    }

    /// All requests, in order of arrival.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many of them were logins.
    pub(super) fn logins(&self) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.is_login())
            .count()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn token(&self) -> &str {
        self.header("x-access-token").unwrap_or_default()
    }

    pub(super) fn is_login(&self) -> bool {
        self.path == "/account/auth/login"
    }
}

impl Response {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self::Full(status, Vec::new(), body.into())
    }

    pub(super) fn header(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Full(status, mut headers, body) => {
                headers.push((name, value.into()));
                Self::Full(status, headers, body)
            }
            other => other,
        }
    }
}

async fn serve(stream: TcpStream, handler: Handler, requests: Arc<Mutex<Vec<Request>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        requests.lock().unwrap().push(request.clone());
        let text = match handler(request).await {
            Response::Full(status, headers, body) => {
                let headers: String = headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}\r\n"))
                    .collect();
                let length = match status {
                    204 => String::new(),
                    _ => format!("content-length: {}\r\n", body.len()),
                };
                format!("HTTP/1.1 {status} X\r\n{headers}{length}\r\n{body}")
            }
            Response::Torn => "HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{}".to_owned(),
            Response::Cut => return,
            Response::Hang => {
                // Returns when the client disconnects.
                let _ = stream.read_u8().await;
                return;
            }
        };
        let is_torn = text.contains("content-length: 99\r\n");
        if stream.write_all(text.as_bytes()).await.is_err() || is_torn {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let first = line(stream).await?;
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next()?,
        path: words.next()?,
        headers: Vec::new(),
        body: String::new(),
    };
    loop {
        let line = line(stream).await?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        request
            .headers
            .push((name.to_lowercase(), value.to_owned()));
    }
    let length = request.header("content-length").unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(length) if length > 0 => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
