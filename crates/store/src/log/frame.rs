//! The bytes of a log file: a header, then frames. All numbers are little-endian.
//!
//! Header (32 bytes): magic, version u32, salt u32, first position u64, zero u32, crc32 u32 of all before.
//! Frame (28 bytes and the payload): magic, payload length u32, crc32 u32, first position u64, count u32, length of
//! the payload decompressed u32; the checksum covers the last three fields and the payload and begins with the file's
//! salt, so that nothing a client sends can look like a frame.

use crate::log::{LogPosition, codec};
use whodid_model::Event;

pub(super) const HEADER_BYTES: usize = 32;
pub(super) const FRAME_BYTES: usize = 28;
pub(super) const VERSION: u32 = 1;
const FILE_MAGIC: [u8; 8] = *b"whodidlg";
const FRAME_MAGIC: [u8; 4] = [0xf7, b'w', b'd', 0x1e];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) salt: u32,
    /// The position before the file's first event.
    pub(super) first: LogPosition,
}

pub(super) enum HeaderFault {
    Damaged,
    Version(u32),
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, HeaderFault> {
        if bytes[..8] != FILE_MAGIC || u32_at(bytes, 28) != crc32fast::hash(&bytes[..28]) {
            return Err(HeaderFault::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => Ok(Header { salt: u32_at(bytes, 12), first: LogPosition(u64_at(bytes, 16)) }),
            newer => Err(HeaderFault::Version(newer)),
        }
    }
}

/// What a frame says of itself, before its payload has been read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FrameHead {
    pub(super) payload_bytes: u32,
    crc: u32,
    pub(super) first: LogPosition,
    pub(super) count: u32,
    plain_bytes: u32,
}

impl FrameHead {
    pub(super) fn end(self) -> LogPosition {
        LogPosition(self.first.0.saturating_add(u64::from(self.count)))
    }

    /// `None` if no frame begins here.
    pub(super) fn decode(bytes: &[u8; FRAME_BYTES]) -> Option<FrameHead> {
        (bytes[..4] == FRAME_MAGIC).then(|| FrameHead {
            payload_bytes: u32_at(bytes, 4),
            crc: u32_at(bytes, 8),
            first: LogPosition(u64_at(bytes, 12)),
            count: u32_at(bytes, 20),
            plain_bytes: u32_at(bytes, 24),
        })
    }

    pub(super) fn accepts(self, salt: u32, payload: &[u8]) -> bool {
        let mut covered = [0; 16];
        covered[..8].copy_from_slice(&self.first.0.to_le_bytes());
        covered[8..12].copy_from_slice(&self.count.to_le_bytes());
        covered[12..].copy_from_slice(&self.plain_bytes.to_le_bytes());
        self.crc == checksum(salt, &covered, payload)
    }

    /// The frame's events. `None` if an accepted payload is still not what was written.
    pub(super) fn events(self, payload: &[u8]) -> Option<Vec<Event>> {
        let plain = zstd::bulk::decompress(payload, self.plain_bytes as usize).ok()?;
        let mut rest = plain.as_slice();
        let events: Vec<Event> = (0..self.count).map(|_| codec::decode(&mut rest)).collect::<Option<_>>()?;
        rest.is_empty().then_some(events)
    }
}

/// Appends to `out` a frame of `count` events whose encoding is `plain`.
pub(super) fn encode(
    compressor: &mut zstd::bulk::Compressor<'_>,
    salt: u32,
    first: LogPosition,
    count: u32,
    plain: &[u8],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let start = out.len();
    out.resize(start + FRAME_BYTES + zstd::zstd_safe::compress_bound(plain.len()), 0);
    let payload_bytes = compressor.compress_to_buffer(plain, &mut out[start + FRAME_BYTES..])?;
    out.truncate(start + FRAME_BYTES + payload_bytes);
    let (head, payload) = out[start..].split_at_mut(FRAME_BYTES);
    head[..4].copy_from_slice(&FRAME_MAGIC);
    head[4..8].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
    head[12..20].copy_from_slice(&first.0.to_le_bytes());
    head[20..24].copy_from_slice(&count.to_le_bytes());
    head[24..28].copy_from_slice(&(plain.len() as u32).to_le_bytes());
    let crc = checksum(salt, &head[12..28], payload);
    head[8..12].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// Whether any whole frame at or behind `expected` begins within `bytes`.
pub(super) fn any_frame_in(bytes: &[u8], salt: u32, expected: LogPosition) -> bool {
    (0..bytes.len()).any(|at| {
        let Some(head) = bytes[at..].first_chunk().and_then(FrameHead::decode) else { return false };
        let payload = bytes[at + FRAME_BYTES..].get(..head.payload_bytes as usize);
        head.first >= expected && payload.is_some_and(|payload| head.accepts(salt, payload))
    })
}

fn checksum(salt: u32, covered: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(covered);
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
