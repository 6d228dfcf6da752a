//! Compiles the contract without `protoc`.
use prost::Message as _;

const FILES: [&str; 4] = [
    "aiex/v1/session.proto",
    "aiex/v1/workspace.proto",
    "aiex/v1/cluster.proto",
    "aiex/v1/admin.proto",
];

#[allow(
    clippy::disallowed_methods,
    reason = "cargo tells a build script where to write by a variable"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("aiex.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".aiex.v1")
        .compile_fds(descriptors)?;
    Ok(())
}
