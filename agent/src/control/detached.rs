//! Calls that change something run to their end, even if the client disconnects.
//!
//! The transport drops a call when its client disconnects. A change that is dropped in the middle is half done, so each
//! call of that kind runs in a task of its own, and the transport only waits for its answer. This layer is around all
//! services, and the table of rpcs decides, so no handler can forget it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{
    rpcs::{self, Kind},
    until::until,
};

/// The layer around all services.
#[derive(Debug, Clone)]
pub(super) struct Detached {
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Detached {
    /// A layer that ends other services' answers when `ending` is canceled.
    pub(super) fn new(ending: CancellationToken) -> Self {
        Self {
            tasks: TaskTracker::new(),
            ending,
        }
    }

    /// Waits until every change has ended. No new call may arrive during that.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl<S> Layer<S> for Detached {
    type Service = Detaching<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Detaching {
            inner,
            around: self.clone(),
        }
    }
}

/// The services inside the layer.
#[derive(Debug, Clone)]
pub(super) struct Detaching<S> {
    inner: S,
    around: Detached,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for Detaching<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path: Arc<str> = request.uri().path().into();
        let kind = rpcs::find(&path).map(|rpc| rpc.kind);
        let call = self.inner.call(request);
        match kind {
            Some(Kind::Changes) => Box::pin(detached(&self.around.tasks, path, call)),
            Some(Kind::Reads | Kind::Streams) => Box::pin(call),
            Some(Kind::Foreign) | None => Box::pin(foreign(self.around.ending.clone(), call)),
        }
    }
}

/// Ends the answer when the agent stops.
async fn foreign(
    ending: CancellationToken,
    call: impl Future<Output = Result<Response<Body>, Infallible>>,
) -> Result<Response<Body>, Infallible> {
    let answer = call.await?;
    let end = async move {
        ending.cancelled().await;
        Status::ok("")
    };
    Ok(answer.map(|body| until(end, body)))
}

/// Runs `call` in a task of its own. A panic in it fails this call only.
fn detached(
    tasks: &TaskTracker,
    path: Arc<str>,
    call: impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static {
    let own = Arc::clone(&path);
    let task = tasks.spawn(async move {
        tracing::debug!(call = %own, "a change started");
        let answer = call.await;
        tracing::debug!(call = %own, "a change ended");
        answer
    });
    let mut watch = Watch {
        path,
        answered: false,
    };
    async move {
        let ended = task.await;
        watch.end();
        match ended {
            Ok(answer) => answer,
            Err(_) => Ok(Status::internal("the call failed; see the agent's log").into_http()),
        }
    }
}

/// Logs that a client did not wait for its answer.
struct Watch {
    path: Arc<str>,
    answered: bool,
}

impl Watch {
    fn end(&mut self) {
        self.answered = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.answered {
            tracing::info!(call = %self.path, "the client disconnected; the change runs to its end");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::poll;
    use tokio::sync::Notify;

    use super::{super::rpcs::RPCS, *};

    /// Stops in the middle of each call until it may go on.
    #[derive(Clone, Default)]
    struct Slow {
        begun: Arc<AtomicUsize>,
        ended: Arc<AtomicUsize>,
        go_on: Arc<Notify>,
    }

    impl Service<Request<Body>> for Slow {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Answer;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Answer {
            let Self {
                begun,
                ended,
                go_on,
            } = self.clone();
            Box::pin(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                go_on.notified().await;
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(Response::new(Body::empty()))
            })
        }
    }

    fn request(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::empty()).unwrap()
    }

    /// Whether a call at `path` comes to its end though its client leaves in the middle of it.
    async fn runs_on(path: &str) -> bool {
        let layer = Detached::new(CancellationToken::new());
        let slow = Slow::default();
        let mut call = layer.layer(slow.clone()).call(request(path));
        while slow.begun.load(Ordering::SeqCst) == 0 {
            assert!(poll!(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
        drop(call);
        slow.go_on.notify_one();
        layer.ended().await;
        slow.ended.load(Ordering::SeqCst) == 1
    }

    #[tokio::test]
    async fn what_changes_something_runs_to_its_end_and_what_reads_does_not() {
        for rpc in RPCS {
            let expected = rpc.kind == Kind::Changes;
            assert_eq!(runs_on(rpc.path).await, expected, "{}", rpc.path);
        }
    }

    #[tokio::test]
    async fn the_answer_of_a_change_is_its_own() {
        let slow = Slow::default();
        slow.go_on.notify_one();
        let mut service = Detached::new(CancellationToken::new()).layer(slow);
        let path = "/shopmaster.v1.Config/Configure";
        let answer = service.call(request(path)).await.unwrap();
        assert!(answer.status().is_success());
    }

    async fn defect() -> Result<Response<Body>, Infallible> {
        panic!("a defect")
    }

    #[tokio::test]
    async fn a_panic_is_the_calls_failure() {
        let tasks = TaskTracker::new();
        let answer = detached(&tasks, "/x".into(), defect()).await.unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::Internal);
    }
}
