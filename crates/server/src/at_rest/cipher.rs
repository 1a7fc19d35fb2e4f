//! The ciphers of Kubernetes' providers, byte for byte.

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AeadInPlace, AesGcm, KeyInit};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use crypto_secretbox::XSalsa20Poly1305;
use ring::hkdf::{HKDF_SHA256, Prk};
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;

const TAG_BYTES: usize = 16;
const GCM_NONCE_BYTES: usize = 12;
const CBC_BLOCK_BYTES: usize = 16;
const BOX_NONCE_BYTES: usize = 24;
/// A seed, what is added to it for one value, and the key that comes out.
pub(super) const SEED_BYTES: usize = 32;

const TOO_SHORT: &str = "the stored data was shorter than the required size";
const NOT_AUTHENTIC: &str = "cipher: message authentication failed";

/// A way to seal with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    AesGcm,
    AesCbc,
    Secretbox,
}

impl Algorithm {
    /// How long a key may be, in bytes.
    pub(super) fn key_sizes(self) -> &'static [usize] {
        match self {
            Self::AesGcm | Self::AesCbc => &[16, 24, 32],
            Self::Secretbox => &[32],
        }
    }
}

/// A cipher with its key.
pub(super) struct Cipher {
    algorithm: Algorithm,
    key: Vec<u8>,
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Cipher {
    /// A cipher; `None` where the key does not have one of its sizes.
    pub(super) fn new(algorithm: Algorithm, key: Vec<u8>) -> Option<Self> {
        algorithm.key_sizes().contains(&key.len()).then_some(Self { algorithm, key })
    }

    /// Seals a value behind a head; `place` is where it will be stored.
    pub(super) fn seal(&self, head: &[u8], place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        let extra = BOX_NONCE_BYTES.max(CBC_BLOCK_BYTES) + TAG_BYTES;
        let mut out = Vec::with_capacity(head.len() + plain.len() + extra);
        out.extend_from_slice(head);
        match (self.algorithm, self.key.len()) {
            (Algorithm::AesGcm, 16) => seal_gcm::<Aes128Gcm>(&self.key, place, plain, &mut out),
            (Algorithm::AesGcm, 24) => seal_gcm::<Aes192Gcm>(&self.key, place, plain, &mut out),
            (Algorithm::AesGcm, _) => seal_gcm::<Aes256Gcm>(&self.key, place, plain, &mut out),
            (Algorithm::AesCbc, 16) => {
                seal_cbc::<cbc::Encryptor<Aes128>>(&self.key, plain, &mut out)
            }
            (Algorithm::AesCbc, 24) => {
                seal_cbc::<cbc::Encryptor<Aes192>>(&self.key, plain, &mut out)
            }
            (Algorithm::AesCbc, _) => {
                seal_cbc::<cbc::Encryptor<Aes256>>(&self.key, plain, &mut out)
            }
            (Algorithm::Secretbox, _) => seal_box(&self.key, plain, &mut out),
        }?;
        Ok(out)
    }

    /// Opens what was sealed, without its head.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        let opened = match (self.algorithm, self.key.len()) {
            (Algorithm::AesGcm, 16) => open_gcm::<Aes128Gcm>(&self.key, place, sealed),
            (Algorithm::AesGcm, 24) => open_gcm::<Aes192Gcm>(&self.key, place, sealed),
            (Algorithm::AesGcm, _) => open_gcm::<Aes256Gcm>(&self.key, place, sealed),
            (Algorithm::AesCbc, 16) => open_cbc::<cbc::Decryptor<Aes128>>(&self.key, sealed),
            (Algorithm::AesCbc, 24) => open_cbc::<cbc::Decryptor<Aes192>>(&self.key, sealed),
            (Algorithm::AesCbc, _) => open_cbc::<cbc::Decryptor<Aes256>>(&self.key, sealed),
            (Algorithm::Secretbox, _) => open_box(&self.key, sealed),
        };
        opened.map_err(str::to_owned)
    }
}

/// A seed: each value is sealed with a key of its own, which is made of the seed and of random bytes
/// that stand before the value. So a seed can seal any number of values.
pub(super) struct Seed(Prk);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed").finish_non_exhaustive()
    }
}

impl Seed {
    /// A seed; `None` where there are too few bytes.
    pub(super) fn new(seed: &[u8]) -> Option<Self> {
        (seed.len() >= SEED_BYTES).then(|| Self(Prk::new_less_safe(HKDF_SHA256, seed)))
    }

    pub(super) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        let info: [u8; SEED_BYTES] = random()?;
        self.cipher(&info)?.seal(&info, place, plain)
    }

    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        let (info, sealed) = sealed.split_first_chunk::<SEED_BYTES>().ok_or(TOO_SHORT)?;
        self.cipher(info)?.open(place, sealed)
    }

    fn cipher(&self, info: &[u8]) -> Result<Cipher, String> {
        let mut key = vec![0; SEED_BYTES];
        let expanded = self.0.expand(&[info], HKDF_SHA256).and_then(|it| it.fill(&mut key));
        expanded.map_err(|_| "no key can be made of the seed".to_owned())?;
        Ok(Cipher { algorithm: Algorithm::AesGcm, key })
    }
}

type Aes128Gcm = AesGcm<Aes128, U12>;
type Aes192Gcm = AesGcm<Aes192, U12>;
type Aes256Gcm = AesGcm<Aes256, U12>;

/// A nonce, and behind it the ciphertext with its tag. The place is authenticated with it, so that a
/// value that is moved to another key cannot be opened there.
fn seal_gcm<C: AeadInPlace<NonceSize = U12> + KeyInit>(
    key: &[u8],
    place: &[u8],
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let nonce: [u8; GCM_NONCE_BYTES] = random()?;
    let cipher = C::new_from_slice(key).map_err(|error| error.to_string())?;
    out.extend_from_slice(&nonce);
    let start = out.len();
    out.extend_from_slice(plain);
    let tag = cipher
        .encrypt_in_place_detached(&nonce.into(), place, &mut out[start..])
        .map_err(|error| error.to_string())?;
    out.extend_from_slice(&tag);
    Ok(())
}

fn open_gcm<C: AeadInPlace<NonceSize = U12, TagSize = U16> + KeyInit>(
    key: &[u8],
    place: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, &'static str> {
    let (nonce, rest) = sealed.split_first_chunk::<GCM_NONCE_BYTES>().ok_or(TOO_SHORT)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(NOT_AUTHENTIC)?;
    let cipher = C::new_from_slice(key).map_err(|_| NOT_AUTHENTIC)?;
    let mut plain = ciphertext.to_vec();
    cipher
        .decrypt_in_place_detached(&(*nonce).into(), place, &mut plain, &(*tag).into())
        .map_err(|_| NOT_AUTHENTIC)?;
    Ok(plain)
}

/// An initialization vector, and behind it the ciphertext with padding.
fn seal_cbc<C: BlockEncryptMut + KeyIvInit>(
    key: &[u8],
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let vector: [u8; CBC_BLOCK_BYTES] = random()?;
    let cipher = C::new_from_slices(key, &vector).map_err(|error| error.to_string())?;
    out.extend_from_slice(&vector);
    out.extend_from_slice(&cipher.encrypt_padded_vec_mut::<Pkcs7>(plain));
    Ok(())
}

fn open_cbc<C: BlockDecryptMut + KeyIvInit>(
    key: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, &'static str> {
    let (vector, ciphertext) = sealed.split_first_chunk::<CBC_BLOCK_BYTES>().ok_or(TOO_SHORT)?;
    if !ciphertext.len().is_multiple_of(CBC_BLOCK_BYTES) {
        return Err("the stored data is not a multiple of the block size");
    }
    let cipher = C::new_from_slices(key, vector).map_err(|_| "invalid padding on input")?;
    cipher.decrypt_padded_vec_mut::<Pkcs7>(ciphertext).map_err(|_| "invalid padding on input")
}

/// A nonce, and behind it NaCl's box: the tag, then the ciphertext.
fn seal_box(key: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let nonce: [u8; BOX_NONCE_BYTES] = random()?;
    let cipher = XSalsa20Poly1305::new_from_slice(key).map_err(|error| error.to_string())?;
    out.extend_from_slice(&nonce);
    let tag_at = out.len();
    out.extend_from_slice(&[0; TAG_BYTES]);
    out.extend_from_slice(plain);
    let (head, text) = out.split_at_mut(tag_at + TAG_BYTES);
    let tag = cipher
        .encrypt_in_place_detached(&nonce.into(), &[], text)
        .map_err(|error| error.to_string())?;
    head[tag_at..].copy_from_slice(&tag);
    Ok(())
}

fn open_box(key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, &'static str> {
    // The words are Kubernetes'.
    const REFUSED: &str = "output array was not large enough for encryption";
    let (nonce, rest) = sealed.split_first_chunk::<BOX_NONCE_BYTES>().ok_or(TOO_SHORT)?;
    let (tag, ciphertext) = rest.split_first_chunk::<TAG_BYTES>().ok_or(TOO_SHORT)?;
    let cipher = XSalsa20Poly1305::new_from_slice(key).map_err(|_| REFUSED)?;
    let mut plain = ciphertext.to_vec();
    cipher
        .decrypt_in_place_detached(&(*nonce).into(), &[], &mut plain, &(*tag).into())
        .map_err(|_| REFUSED)?;
    Ok(plain)
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "no random numbers".to_owned())?;
    Ok(bytes)
}
