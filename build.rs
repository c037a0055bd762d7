//! Compiles `proto/` with protox, so that no protoc has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 6] = [
    "shopmaster/v1/agent.proto",
    "shopmaster/v1/config.proto",
    "shopmaster/v1/products.proto",
    "shopmaster/v1/remote.proto",
    "shopmaster/v1/run.proto",
    "shopmaster/v1/status.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto/shopmaster");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Server reflection serves this.
    fs::write(
        out.join("shopmaster_descriptor.bin"),
        descriptors.encode_to_vec(),
    )?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
