//! The gRPC service `Config`.

use std::sync::Arc;

use secrecy::SecretString;
use shopmaster_catalog::{Backlog, CatalogError, Check, InstallOptions, Verdict};
use shopmaster_engine::Engine;
use shopmaster_proto::v1;
use tonic::{Request, Response, Status};

use super::{
    convert::{capture, settings, time},
    failure,
    streams::{Answers, Disconnected, Sink, stream},
};
use crate::{
    config::Config,
    supervisor::{Agreed, ConfigureError, Judged, NewSecrets, Supervisor},
};

/// The keys that choose among the rows of one table, or say how they are sent.
const CHOICES: [&str; 5] = [
    "catalog.only",
    "catalog.sold_when",
    "catalog.price_digits",
    "catalog.price_text",
    "catalog.columns.status",
];
/// The last step of an adoption that was made.
const UPLOAD_IS_DUE: &str = "An upload is due: run `shopmasterctl upload`";
/// The last step of an adoption that is only shown.
const UPLOAD_WILL_BE_DUE: &str = "Afterwards an upload is due: run `shopmasterctl upload`";

pub(super) struct Service {
    supervisor: Arc<Supervisor>,
}

impl Service {
    pub(super) fn new(supervisor: Arc<Supervisor>) -> Self {
        Self { supervisor }
    }

    async fn secrets_set(&self) -> v1::SecretsSet {
        let set = self.supervisor.secrets_set().await;
        v1::SecretsSet {
            digible_password: set.digible_password,
            sql_password: set.sql_password,
            store: set.store.to_owned(),
        }
    }

    async fn configured(
        &self,
        changed: Vec<String>,
        judged: Judged,
        is_another_table: bool,
    ) -> v1::ConfigureResponse {
        v1::ConfigureResponse {
            settings: Some(settings::settings(&self.supervisor.config().0)),
            secrets: Some(self.secrets_set().await),
            changed,
            warnings: judged.warnings.iter().map(|it| self.check(it)).collect(),
            effect: judged
                .effect
                .map(|effect| settings::effect(&effect, is_another_table)),
            new_journal: None,
        }
    }

    fn check(&self, check: &Check) -> v1::Check {
        capture::check(check, &self.supervisor.config().0)
    }
}

#[tonic::async_trait]
impl v1::config_server::Config for Service {
    type TestConnectionStream = Answers<v1::TestConnectionResponse>;

    async fn get_config(
        &self,
        _request: Request<v1::GetConfigRequest>,
    ) -> Result<Response<v1::GetConfigResponse>, Status> {
        let (config, overridden) = self.supervisor.config();
        Ok(Response::new(v1::GetConfigResponse {
            settings: Some(settings::settings(&config)),
            secrets: Some(self.secrets_set().await),
            file: self.supervisor.paths.config.display().to_string(),
            overridden,
        }))
    }

    async fn configure(
        &self,
        request: Request<v1::ConfigureRequest>,
    ) -> Result<Response<v1::ConfigureResponse>, Status> {
        let request = request.into_inner();
        let paths = named(&request)?;
        let edits = settings::edits(&request.settings.unwrap_or_default(), paths)
            .map_err(|error| failure::key(&error))?;
        let agreed = Agreed {
            starts_over: request.start_journal_over,
            catalog: request.confirmed,
        };
        let names_shop = |path: &String| path.starts_with("catalog.");
        let is_choice = |path: &str| CHOICES.contains(&path);
        let is_another_table = edits
            .iter()
            .any(|edit| names_shop(&edit.path) && !is_choice(&edit.path));
        let secrets = request.secrets.unwrap_or_default();
        let new = NewSecrets {
            digible_password: secrets.digible_password.map(SecretString::from),
            sql_password: secrets.sql_password.map(SecretString::from),
        };
        let would_change = self.supervisor.would_change(&edits).await;
        let would_change = would_change.map_err(|error| failure::configure(&error))?;
        if would_change.left_behind.is_some() && !request.dry_run && !agreed.starts_over {
            return Err(failure::configure(&ConfigureError::StartsOver));
        }
        let judged = self
            .supervisor
            .judge(&edits, new.sql_password.as_ref())
            .await;
        if request.dry_run {
            let new_journal = would_change.left_behind.map(settings::new_journal);
            let answer = self
                .configured(would_change.keys, judged, is_another_table)
                .await;
            return Ok(Response::new(v1::ConfigureResponse {
                new_journal,
                ..answer
            }));
        }
        let changed = self
            .supervisor
            .configure(edits, new, agreed)
            .await
            .map_err(|error| failure::configure(&error))?;
        Ok(Response::new(
            self.configured(changed, judged, is_another_table).await,
        ))
    }

    async fn test_connection(
        &self,
        _request: Request<v1::TestConnectionRequest>,
    ) -> Result<Response<Self::TestConnectionStream>, Status> {
        let engine = failure::engine(&self.supervisor).await?;
        let ending = self.supervisor.ending.clone();
        let config = self.supervisor.config().0;
        let sink = |sink| test(engine, Checks { sink, config });
        Ok(Response::new(stream(ending, sink)))
    }

    async fn plan_capture(
        &self,
        _request: Request<v1::PlanCaptureRequest>,
    ) -> Result<Response<v1::PlanCaptureResponse>, Status> {
        let engine = failure::engine(&self.supervisor).await?;
        let catalog = engine.catalog();
        let checks = catalog
            .inspect()
            .await
            .map_err(|error| failure::catalog(&error))?;
        let plan = catalog
            .plan()
            .await
            .map_err(|error| failure::catalog(&error))?;
        Ok(Response::new(v1::PlanCaptureResponse {
            install: plan.install,
            remove: plan.remove,
            checks: checks.iter().map(|check| self.check(check)).collect(),
        }))
    }

    async fn install_capture(
        &self,
        request: Request<v1::InstallCaptureRequest>,
    ) -> Result<Response<v1::InstallCaptureResponse>, Status> {
        let engine = failure::engine(&self.supervisor).await?;
        let changed = engine
            .install_capture(agreed(request.into_inner().ignore_output))
            .await
            .map_err(|error| failure::step(&error))?;
        let checks = engine
            .catalog()
            .inspect()
            .await
            .map_err(|error| failure::catalog(&error))?;
        let status = engine
            .catalog()
            .capture()
            .await
            .map_err(|error| failure::catalog(&error))?;
        Ok(Response::new(v1::InstallCaptureResponse {
            capture: Some(capture::capture(Some(&status), engine.scans())),
            changed,
            checks: checks.iter().map(|check| self.check(check)).collect(),
        }))
    }

    async fn remove_capture(
        &self,
        _request: Request<v1::RemoveCaptureRequest>,
    ) -> Result<Response<v1::RemoveCaptureResponse>, Status> {
        let engine = failure::engine(&self.supervisor).await?;
        let changed = engine
            .remove_capture()
            .await
            .map_err(|error| failure::step(&error))?;
        let status = engine
            .catalog()
            .capture()
            .await
            .map_err(|error| failure::catalog(&error))?;
        Ok(Response::new(v1::RemoveCaptureResponse {
            capture: Some(capture::capture(Some(&status), engine.scans())),
            changed,
        }))
    }

    async fn get_capture(
        &self,
        _request: Request<v1::GetCaptureRequest>,
    ) -> Result<Response<v1::GetCaptureResponse>, Status> {
        use shopmaster_catalog::CaptureStatus::Drifted;
        let engine = failure::engine(&self.supervisor).await?;
        engine.refresh().await;
        let catalog = engine.catalog();
        let status = catalog
            .capture()
            .await
            .map_err(|error| failure::catalog(&error))?;
        // A ChangeLog that no agent reads is reported as well, because it grows.
        let backlog = match status.is_there() {
            true => match (catalog.backlog().await, &status) {
                // What is missing may be needed to read it; the drift says what is missing.
                (Err(CatalogError::NotInstalled), Drifted(_)) => Backlog::default(),
                (backlog, _) => backlog.map_err(|error| failure::catalog(&error))?,
            },
            false => Backlog::default(),
        };
        Ok(Response::new(v1::GetCaptureResponse {
            capture: Some(capture::capture(Some(&status), engine.scans())),
            changes: backlog.changes,
            pending: backlog.products,
            oldest_pending_at: backlog.oldest_at.map(time::timestamp),
        }))
    }

    async fn adopt(
        &self,
        request: Request<v1::AdoptRequest>,
    ) -> Result<Response<v1::AdoptResponse>, Status> {
        let engine = failure::engine(&self.supervisor).await?;
        let catalog = engine.catalog();
        let request = request.into_inner();
        let (found, advice) = if request.confirm {
            let adopted = engine
                .adopt(agreed(request.ignore_output))
                .await
                .map_err(|error| failure::step(&error))?;
            (
                adopted.adoption,
                adopted.was_needed.then_some(UPLOAD_IS_DUE),
            )
        } else {
            let found = catalog
                .adoption()
                .await
                .map_err(|error| failure::catalog(&error))?;
            let advice = found.is_needed.then_some(UPLOAD_WILL_BE_DUE);
            (found, advice)
        };
        let status = catalog
            .capture()
            .await
            .map_err(|error| failure::catalog(&error))?;
        let advice = advice.map(str::to_owned);
        Ok(Response::new(v1::AdoptResponse {
            steps: found.steps.into_iter().chain(advice).collect(),
            capture: Some(capture::capture(Some(&status), engine.scans())),
            needed: found.is_needed,
        }))
    }
}

/// The remedy for a request that does not name what to change.
const NAME_FIELDS: &str =
    "Name the fields to change in `update_mask`, for example `digible.email`, or set secrets";
/// The remedy for capture of an earlier version.
const UPDATE_CAPTURE: &str = "Run `shopmasterctl capture install` when it suits you: it installs the current version and keeps waiting changes";

/// The fields that a request changes.
///
/// # Errors
///
/// When it has new values but does not name their fields, or changes nothing at all.
fn named(request: &v1::ConfigureRequest) -> Result<Vec<String>, Status> {
    let mask = request.update_mask.as_ref();
    if mask.is_none() && request.settings.is_some() {
        return Err(failure::invalid(
            "The request has settings but no `update_mask`",
            NAME_FIELDS,
        ));
    }
    let paths = mask.map(|mask| mask.paths.clone()).unwrap_or_default();
    let secrets = request.secrets.clone().unwrap_or_default();
    if paths.is_empty() && secrets == v1::Secrets::default() {
        return Err(failure::invalid("The request changes nothing", NAME_FIELDS));
    }
    Ok(paths)
}

fn agreed(ignore_output: bool) -> InstallOptions {
    InstallOptions { ignore_output }
}

/// Where the checks go.
struct Checks {
    sink: Sink<v1::TestConnectionResponse>,
    /// The configuration, into which the database's suggestions fit.
    config: Config,
}

impl Checks {
    /// Fails when the client has disconnected.
    async fn send(&self, check: &Check) -> Result<(), Disconnected> {
        let check = Some(capture::check(check, &self.config));
        let answer = Ok(v1::TestConnectionResponse { check });
        self.sink.send(answer).await
    }
}

/// Makes the checks: the database first, then capture, the journal, and Digible.
async fn test(engine: Arc<Engine>, sink: Checks) {
    let checks = match engine.inspect().await {
        Ok(checks) => checks,
        Err(error) => vec![Check::failed("catalog.open", &error)],
    };
    for check in &checks {
        if sink.send(check).await.is_err() {
            return;
        }
    }
    let reachable = !checks.iter().any(|check| check.verdict == Verdict::Failed);
    if sink
        .send(&capture_check(&engine, reachable).await)
        .await
        .is_err()
    {
        return;
    }
    if sink.send(&engine.check_journal().await).await.is_err() {
        return;
    }
    let login = login_check(&engine).await;
    // Before the last message, so that a client that has read it sees a status that agrees with it.
    engine.refresh().await;
    // A client that has disconnected needs no answer.
    let _ = sink.send(&login).await;
}

async fn capture_check(engine: &Engine, reachable: bool) -> Check {
    use shopmaster_catalog::CaptureStatus::{Drifted, Installed, NotInstalled, Outdated, ScanOnly};
    let name = "catalog.capture";
    if !reachable {
        return Check::skipped(name);
    }
    let status = engine.catalog().capture().await;
    let (verdict, code, text, remedy) = match &status {
        Ok(Installed | Outdated(_) | Drifted(_)) if engine.scans() => (
            Verdict::Warning,
            "CAPTURE_UNUSED",
            "scan mode is on, but capture is still installed".to_owned(),
            "Run `shopmasterctl capture remove`",
        ),
        Ok(NotInstalled) if engine.scans() => (
            Verdict::Ok,
            "",
            "scan mode is on: the table is scanned, and nothing is installed".to_owned(),
            "",
        ),
        Ok(Installed) => (Verdict::Ok, "", "changes are captured".to_owned(), ""),
        Ok(Outdated(what)) => (
            Verdict::Ok,
            "CAPTURE_OUTDATED",
            format!("changes are captured; {what}"),
            UPDATE_CAPTURE,
        ),
        Ok(NotInstalled) => (
            Verdict::Warning,
            "CAPTURE_NOT_INSTALLED",
            "changes are not captured yet".to_owned(),
            "Run `shopmasterctl capture install`",
        ),
        Ok(ScanOnly {
            is_installed: true, ..
        }) => (
            Verdict::Warning,
            "CAPTURE_UNUSED",
            "the view is scanned, but capture of another table is still installed".to_owned(),
            "Run `shopmasterctl capture remove`",
        ),
        Ok(ScanOnly { reason, .. }) => (
            Verdict::Ok,
            "",
            format!("the table is scanned: {reason}"),
            "",
        ),
        Ok(Drifted(drift)) => (
            Verdict::Failed,
            "CAPTURE_DRIFTED",
            drift.text(),
            drift.remedy(),
        ),
        Err(error) => return Check::failed(name, error),
    };
    Check {
        code,
        ..Check::new(name, verdict, text, remedy.to_owned())
    }
}

async fn login_check(engine: &Engine) -> Check {
    let name = "digible.login";
    match engine.log_in().await {
        Ok(()) => {
            let text = "Digible accepts the login".to_owned();
            Check::new(name, Verdict::Ok, text, String::new())
        }
        Err(trouble) => Check {
            code: trouble.code,
            ..Check::new(name, Verdict::Failed, trouble.text, trouble.remedy)
        },
    }
}
