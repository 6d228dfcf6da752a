//! Groups over the simulated stores.
