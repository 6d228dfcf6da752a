//! A seed for a random test: printed always, given again by `AIEX_SEED`.

/// A small generator (splitmix64); enough to choose moments.
pub(crate) struct Random(u64);

impl Random {
    /// From `AIEX_SEED`, or fresh from the clock; prints which.
    pub(crate) fn seeded(test: &str) -> Self {
        let given = std::env::var("AIEX_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let fresh = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |since| since.subsec_nanos().into())
        };
        let seed = given.unwrap_or_else(fresh);
        println!("{test}: AIEX_SEED={seed}");
        Self(seed)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
