//! XAES-256-GCM (C2SP): AES-256-GCM under a key derived from the first half of a 192-bit nonce.
//!
//! Random nonces stay safe for 2^80 messages under one key, where plain GCM ends at 2^32. No
//! counter is kept, because a restored or cloned node would repeat it.

use crate::Error;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 24;
pub(crate) const TAG_BYTES: usize = 16;

const DERIVATION_HALF: usize = 12;
/// Low byte of the field polynomial for a 128-bit block, as in CMAC (SP 800-38B).
const REDUCTION: u8 = 0x87;

/// Encrypts and authenticates; the result is ciphertext and tag.
pub(crate) fn encrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let (cipher, inner) = derived(key, nonce);
    cipher
        .encrypt(
            &Nonce::from(inner),
            Payload {
                msg: plaintext,
                aad,
            },
        )
        .map_err(|_| Error::RecordRefused)
}

/// Opens what [`encrypt`] made with equal key, nonce and associated data; refuses everything else.
pub(crate) fn decrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, Error> {
    let (cipher, inner) = derived(key, nonce);
    cipher
        .decrypt(&Nonce::from(inner), Payload { msg: sealed, aad })
        .map_err(|_| Error::RecordRefused)
}

fn derived(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
) -> (Aes256Gcm, [u8; NONCE_BYTES - DERIVATION_HALF]) {
    let block_cipher = Aes256::new(key.into());
    let mut subkey = Zeroizing::new([0_u8; 16]);
    encrypt_block(&block_cipher, &mut subkey);
    double(&mut subkey);

    let mut derived_key = Zeroizing::new([0_u8; KEY_BYTES]);
    for (index, half) in derived_key.chunks_exact_mut(16).enumerate() {
        let mut block = Zeroizing::new([0_u8; 16]);
        // counter, label 'X', separator, nonce: one block of SP 800-108 with CMAC
        block[1] = if index == 0 { 1 } else { 2 };
        block[2] = b'X';
        block[4..].copy_from_slice(&nonce[..DERIVATION_HALF]);
        for (byte, mask) in block.iter_mut().zip(subkey.iter()) {
            *byte ^= mask;
        }
        encrypt_block(&block_cipher, &mut block);
        half.copy_from_slice(block.as_ref());
    }
    let mut inner = [0; NONCE_BYTES - DERIVATION_HALF];
    inner.copy_from_slice(&nonce[DERIVATION_HALF..]);
    let cipher_key: &[u8; KEY_BYTES] = &derived_key;
    (Aes256Gcm::new(cipher_key.into()), inner)
}

fn encrypt_block(cipher: &Aes256, block: &mut [u8; 16]) {
    cipher.encrypt_block(block.into());
}

/// Doubles in GF(2^128), without a branch on secret bits.
fn double(block: &mut [u8; 16]) {
    let value = u128::from_be_bytes(*block);
    let carry = (value >> 127) as u8;
    *block = (value << 1).to_be_bytes();
    block[15] ^= carry.wrapping_neg() & REDUCTION;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::hex;

    const NONCE: &[u8; NONCE_BYTES] = b"ABCDEFGHIJKLMNOPQRSTUVWX";

    /// The two vectors of the published specification; they differ in the carry of the doubling.
    #[test]
    fn agrees_with_the_published_vectors() {
        let sealed = encrypt(&[1; 32], NONCE, b"", b"XAES-256-GCM").unwrap();
        assert_eq!(
            hex(&sealed),
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"
        );
        let aad = b"c2sp.org/XAES-256-GCM";
        let sealed = encrypt(&[3; 32], NONCE, aad, b"XAES-256-GCM").unwrap();
        assert_eq!(
            hex(&sealed),
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
        );
        assert_eq!(
            decrypt(&[3; 32], NONCE, aad, &sealed).unwrap(),
            b"XAES-256-GCM"
        );
    }

    #[test]
    fn refuses_another_key_nonce_place_or_length() {
        let sealed = encrypt(&[7; 32], NONCE, b"here", b"text").unwrap();
        assert!(decrypt(&[8; 32], NONCE, b"here", &sealed).is_err());
        assert!(decrypt(&[7; 32], b"ABCDEFGHIJKLMNOPQRSTUVWY", b"here", &sealed).is_err());
        assert!(decrypt(&[7; 32], b"BBCDEFGHIJKLMNOPQRSTUVWX", b"here", &sealed).is_err());
        assert!(decrypt(&[7; 32], NONCE, b"there", &sealed).is_err());
        assert!(decrypt(&[7; 32], NONCE, b"here", &sealed[..sealed.len() - 1]).is_err());
        assert!(decrypt(&[7; 32], NONCE, b"here", b"").is_err());
    }
}
