//! Compiles the peer protocol without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["raft.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .bytes(".aiex.raft.v1")
        .compile_fds(descriptors)?;
    Ok(())
}
