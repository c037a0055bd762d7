//! A view as the product table, with the tables that it reads watched.

use prost_types::FieldMask;
use shopmaster_harness::world::{World, WorldError};
use shopmaster_proto::v1::{CatalogSettings, ConfigureRequest, Settings, Watch};

use super::BenchError;

/// Configures the view as the product table. Each watched table has a key with the product's own id.
pub(super) async fn serve(
    world: &World,
    view: &str,
    watched: [(&str, &str); 2],
) -> Result<(), BenchError> {
    let watch = |(table, key): (&str, &str)| Watch {
        table: table.to_owned(),
        key: key.to_owned(),
        column: "ProductID".to_owned(),
    };
    let request = ConfigureRequest {
        settings: Some(Settings {
            catalog: Some(CatalogSettings {
                table: view.to_owned(),
                watch: watched.map(watch).to_vec(),
                ..CatalogSettings::default()
            }),
            ..Settings::default()
        }),
        update_mask: Some(FieldMask {
            paths: ["catalog.table", "catalog.watch"]
                .map(str::to_owned)
                .to_vec(),
        }),
        ..ConfigureRequest::default()
    };
    let configured = world.client()?.config.configure(request).await;
    configured.map(drop).map_err(|status| {
        let source = status.into();
        let call = "Configure";
        WorldError::Refused { call, source }.into()
    })
}
