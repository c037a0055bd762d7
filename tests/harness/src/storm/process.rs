//! What happens to the agent's process, and the calls that a case makes.

use std::{process::Command, time::Duration};

use prost_types::FieldMask;
use shopmaster_proto::{
    Failure,
    v1::{
        CatalogSettings, Condition, ConfigureRequest, DiscardParkedRequest, ExplainRequest,
        ForgetRemovedRequest, GetStatusRequest, ListParkedRequest, ListRemovedRequest,
        ListRunsRequest, PauseRequest, ProductState, ResumeRequest, RetryParkedRequest, Run,
        RunKind, Scalar, Scalars, Settings, Status, Watch, condition::Test, scalar::Value,
    },
};

use super::plan::Serves;
use crate::world::{World, WorldError};

/// How long the agent may take to answer; much longer than it needs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// The products of one page of a list.
const PAGE: u32 = 500;

/// Waits for an answer, up to the timeout.
async fn answer<T, E>(
    call: &'static str,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, WorldError>
where
    Failure: From<E>,
{
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, asked).await;
    let answered = answered.map_err(|_| WorldError::TimedOut(format!("an answer to `{call}`")))?;
    answered.map_err(|refusal| WorldError::Refused {
        call,
        source: refusal.into(),
    })
}

pub(super) async fn status(world: &World) -> Result<Status, WorldError> {
    const CALL: &str = "GetStatus";
    let mut client = world.client()?;
    let got = answer(CALL, client.agent.get_status(GetStatusRequest {})).await?;
    got.into_inner().status.ok_or(WorldError::Incomplete(CALL))
}

/// The state of a product. If asked for an old spelling of a key, the agent explains the row that has the key now, which
/// is not an answer about the requested product.
pub(super) async fn explain(world: &World, id: &str) -> Result<ProductState, WorldError> {
    let mut client = world.client()?;
    let request = ExplainRequest {
        product_id: id.to_owned(),
        ..ExplainRequest::default()
    };
    let got = answer("Explain", client.products.explain(request)).await?;
    let got = got.into_inner();
    if got.product_id == id {
        Ok(got.state())
    } else {
        Ok(ProductState::Unknown)
    }
}

/// Configures what is served, with a yes to what that means.
pub(super) async fn serve(world: &World, serves: Serves) -> Result<(), WorldError> {
    let is_sold = || Condition {
        column: "Sold".to_owned(),
        test: Some(Test::Is(Scalars {
            values: vec![Scalar {
                value: Some(Value::Integer(1)),
            }],
        })),
    };
    let watch = |table: &str, key: &str, column: &str| Watch {
        table: table.to_owned(),
        key: key.to_owned(),
        column: column.to_owned(),
    };
    let (table, only, watch) = match serves {
        Serves::Table => ("Products", Vec::new(), Vec::new()),
        Serves::Sold => ("Products", vec![is_sold()], Vec::new()),
        Serves::View => (
            "Shown",
            Vec::new(),
            vec![
                watch("Products", "ProductID", "ProductID"),
                watch("Surcharges", "ID", "Surcharge"),
            ],
        ),
    };
    let paths = ["table", "only", "watch", "price_digits"];
    let request = ConfigureRequest {
        settings: Some(Settings {
            catalog: Some(CatalogSettings {
                table: table.to_owned(),
                only,
                watch,
                price_digits: Some(2),
                ..CatalogSettings::default()
            }),
            ..Settings::default()
        }),
        update_mask: Some(FieldMask {
            paths: paths.map(|path| format!("catalog.{path}")).to_vec(),
        }),
        confirmed: true,
        ..ConfigureRequest::default()
    };
    let mut client = world.client()?;
    answer("Configure", client.config.configure(request))
        .await
        .map(drop)
}

pub(super) async fn pause(world: &World) -> Result<(), WorldError> {
    let mut client = world.client()?;
    let request = PauseRequest { end: None };
    answer("Pause", client.agent.pause(request)).await.map(drop)
}

pub(super) async fn resume(world: &World) -> Result<(), WorldError> {
    let mut client = world.client()?;
    let resumed = answer("Resume", client.agent.resume(ResumeRequest {})).await;
    resumed.map(drop)
}

/// Runs something to its end, with a time limit. None when it has not ended by then.
pub(super) async fn run_to_end(
    world: &World,
    kind: RunKind,
    most: Duration,
) -> Result<Option<Run>, WorldError> {
    within(world, world.start_run(kind), most).await
}

/// The same with a run that asks no questions.
pub(super) async fn run_confirmed(
    world: &World,
    kind: RunKind,
    most: Duration,
) -> Result<Option<Run>, WorldError> {
    within(world, world.start_confirmed(kind), most).await
}

async fn within(
    world: &World,
    start: impl Future<Output = Result<Run, WorldError>>,
    most: Duration,
) -> Result<Option<Run>, WorldError> {
    let run = async { world.finished(&start.await?.id).await };
    tokio::time::timeout(most, run).await.ok().transpose()
}

/// The runs that read every product, newest first: some start automatically.
pub(super) async fn whole_runs(world: &World) -> Result<Vec<String>, WorldError> {
    let request = ListRunsRequest { limit: 100 };
    let listed = answer("ListRuns", world.client()?.runs.list_runs(request)).await?;
    let runs = listed.into_inner().runs.into_iter();
    let whole = runs.filter(|run| run.kind() != RunKind::Sync);
    Ok(whole.map(|run| run.id).collect())
}

/// The products that are listed as gone from the shop.
pub(super) async fn removed(world: &World) -> Result<Vec<String>, WorldError> {
    let mut client = world.client()?;
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRemovedRequest {
            page_size: PAGE,
            page_token,
        };
        let page = answer("ListRemoved", client.products.list_removed(request)).await?;
        let page = page.into_inner();
        ids.extend(page.products.into_iter().map(|product| product.product_id));
        if page.next_page_token.is_empty() {
            return Ok(ids);
        }
        page_token = page.next_page_token;
    }
}

/// The products that are listed as refused.
pub(super) async fn parked(world: &World) -> Result<Vec<String>, WorldError> {
    let mut client = world.client()?;
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListParkedRequest {
            include_discarded: true,
            page_size: PAGE,
            page_token,
        };
        let page = answer("ListParked", client.products.list_parked(request)).await?;
        let page = page.into_inner();
        ids.extend(page.products.into_iter().map(|product| product.product_id));
        if page.next_page_token.is_empty() {
            return Ok(ids);
        }
        page_token = page.next_page_token;
    }
}

/// Forgets these products, which are gone from the shop.
pub(super) async fn forget(world: &World, product_ids: Vec<String>) -> Result<(), WorldError> {
    let mut client = world.client()?;
    let request = ForgetRemovedRequest {
        product_ids,
        all: false,
        ..ForgetRemovedRequest::default()
    };
    let forgotten = answer("ForgetRemoved", client.products.forget_removed(request)).await;
    forgotten.map(drop)
}

/// Dismisses all refused products.
pub(super) async fn dismiss(world: &World) -> Result<(), WorldError> {
    let mut client = world.client()?;
    let request = DiscardParkedRequest {
        product_ids: Vec::new(),
        all: true,
        ..DiscardParkedRequest::default()
    };
    let dismissed = answer("DiscardParked", client.products.discard_parked(request)).await;
    dismissed.map(drop)
}

/// Sends all refused products again.
pub(super) async fn retry(world: &World) -> Result<(), WorldError> {
    let mut client = world.client()?;
    let request = RetryParkedRequest {
        product_ids: Vec::new(),
        all: true,
        ..RetryParkedRequest::default()
    };
    let tried = answer("RetryParked", client.products.retry_parked(request)).await;
    tried.map(drop)
}

/// Suspends the agent's process for a while.
pub(super) async fn freeze(world: &World, time: Duration) {
    let Some(id) = world.agent_id() else {
        return;
    };
    let signal = |name: &str| {
        let mut command = Command::new("kill");
        command.args([name, &id.to_string()]);
        // Does nothing on systems without this program.
        let _frozen = command.output();
    };
    signal("-STOP");
    tokio::time::sleep(time).await;
    signal("-CONT");
}
