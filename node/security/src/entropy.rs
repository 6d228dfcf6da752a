//! The only source of randomness: the operating system, asked afresh each time.

use crate::Error;
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

/// Gives `N` random bytes, wiped when dropped. Never falls back to a weaker source.
pub(crate) fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0_u8; N]);
    OsRng
        .try_fill_bytes(bytes.as_mut())
        .map_err(|_| Error::Entropy)?;
    Ok(bytes)
}
