//! Header compression (RFC 7541): a decoder with its dynamic table, and literals to send.
//!
//! The peer may use the 4,096 bytes of table that hold until our SETTINGS say otherwise; they never
//! do, so there is no moment at which both sides could think of different limits.

use crate::text::{parts, split_once};

/// SETTINGS_HEADER_TABLE_SIZE unless it is announced (RFC 9113 section 6.5.2).
pub const TABLE: usize = 4096;

/// The most that one header list may come to, each field with 32 bytes on top
/// (RFC 9113 section 6.5.2). A byte can stand for a field of 4 KiB, so the block's own size bounds
/// nothing.
pub const LIST: usize = 65_536;

/// What has no better words: none of these is of use to who reads them.
const BROKEN: &str = "a header block that HPACK cannot decode";

/// Beyond [`LIST`].
pub const LONG: &str = "headers of more than 65536 bytes";

/// A field as the dynamic table keeps it.
type Field = (Vec<u8>, Vec<u8>);

/// RFC 7541 section 4.1.
fn size((name, value): &Field) -> usize {
    name.len() + value.len() + 32
}

/// The state of one direction of a connection: every block changes it, wanted or not.
#[derive(Debug)]
pub struct Decoder {
    /// The dynamic table, its newest entry last.
    table: Vec<Field>,
    /// What its entries come to.
    used: usize,
    /// What they may come to now.
    limit: usize,
    /// What `limit` may be raised to.
    most: usize,
}

impl Decoder {
    /// A decoder with an empty table of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { table: Vec::new(), used: 0, limit: most, most }
    }

    /// Decodes a whole block and hands each field to `each`.
    pub fn decode(
        &mut self,
        block: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), &'static str> {
        let mut rest = block;
        let mut total = 0;
        // Sizes change at the beginning of a block only (section 4.2).
        while let [0x20..=0x3f, ..] = rest {
            self.limit = number(&mut rest, 5).filter(|limit| *limit <= self.most).ok_or(BROKEN)?;
            self.evict(0);
        }
        while !rest.is_empty() {
            let field = self.field(&mut rest).ok_or(BROKEN)?;
            total += size(&field);
            if total > LIST {
                return Err(LONG);
            }
            each(&field.0, &field.1);
        }
        Ok(())
    }

    /// One representation of section 6: indexed, or a literal that is kept or not.
    fn field(&mut self, rest: &mut &[u8]) -> Option<Field> {
        let first = *rest.first()?;
        let bits = match first {
            0x80.. => return self.entry(number(rest, 7)?),
            0x40.. => 6,
            0x20.. => return None,
            _ => 4,
        };
        let name = match number(rest, bits)? {
            0 => string(rest)?,
            index => self.entry(index)?.0,
        };
        let field = (name, string(rest)?);
        if bits == 6 {
            let size = size(&field);
            self.evict(size);
            // One that is larger than the table empties it and is not kept (section 4.4).
            if size <= self.limit {
                self.used += size;
                self.table.push(field.clone());
            }
        }
        Some(field)
    }

    /// Drops the oldest entries until `more` bytes fit or none is left (section 4.3).
    fn evict(&mut self, more: usize) {
        while self.used + more > self.limit && !self.table.is_empty() {
            self.used -= size(&self.table.remove(0));
        }
    }

    /// The entry at `index`: from 1 the static table, then the dynamic one, newest first
    /// (section 2.3.3).
    fn entry(&self, index: usize) -> Option<Field> {
        if let Some(line) = parts(STATIC, b'\n').nth(index.checked_sub(1)?) {
            let (name, value) = split_once(line, b' ')?;
            return Some((name.into(), value.into()));
        }
        let back = index.checked_sub(parts(STATIC, b'\n').count())?;
        self.table.get(self.table.len().checked_sub(back)?).cloned()
    }
}

/// An integer whose first byte has `bits` for it (section 5.1). Four further bytes reach 2^28,
/// more than any length or index that could be meant.
fn number(rest: &mut &[u8], bits: u32) -> Option<usize> {
    let mask = 0xff_u8 >> (8 - bits);
    let (first, mut more) = rest.split_first()?;
    let mut value = usize::from(first & mask);
    if value == usize::from(mask) {
        let mut shift = 0;
        loop {
            let (byte, after) = more.split_first().filter(|_| shift < 28)?;
            more = after;
            value += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = more;
    Some(value)
}

/// A string literal (section 5.2).
fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let coded = rest.first()? & 0x80 != 0;
    let length = number(rest, 7)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    if coded { huffman(text) } else { Some(text.to_vec()) }
}

/// Undoes the Huffman code (appendix B). It is a canonical one: the codes of a length are a run of
/// numbers in the order of [`SYMBOLS`], so counting through the lengths finds a symbol, and the
/// symbols with the [`LENGTHS`] are all the table that is needed.
fn huffman(bytes: &[u8]) -> Option<Vec<u8>> {
    // No code is shorter than 5 bits.
    let mut out = Vec::with_capacity((bytes.len() * 8 / 5).min(LIST));
    let (mut length, mut code, mut first, mut symbol) = (0, 0_u32, 0_u32, 0_u32);
    for i in 0..bytes.len() * 8 {
        let bit = bytes.get(i / 8)? >> (7 - i % 8) & 1;
        code = code << 1 | u32::from(bit);
        first <<= 1;
        // Longer than every code, or the one of 30 ones (EOS), which may not be sent.
        let count = u32::from(*LENGTHS.get(length)?);
        length += 1;
        if code - first < count {
            if out.len() == LIST {
                return None;
            }
            out.push(*SYMBOLS.get(usize::try_from(symbol + code - first).ok()?)?);
            (length, code, first, symbol) = (0, 0, 0, 0);
        } else {
            first += count;
            symbol += count;
        }
    }
    // What is left is padding: less than a byte of ones.
    (length < 8 && code + 1 == 1 << length).then_some(out)
}

/// How many symbols have a code of 1, 2, ... 30 bits, EOS left out.
static LENGTHS: [u8; 30] = [
    0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29,
    0, 3,
];

/// The symbols by their codes.
#[rustfmt::skip]
static SYMBOLS: [u8; 256] = [
    0x30, 0x31, 0x32, 0x61, 0x63, 0x65, 0x69, 0x6f, 0x73, 0x74, 0x20, 0x25, 0x2d, 0x2e, 0x2f, 0x33,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3d, 0x41, 0x5f, 0x62, 0x64, 0x66, 0x67, 0x68, 0x6c, 0x6d,
    0x6e, 0x70, 0x72, 0x75, 0x3a, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c,
    0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x59, 0x6a, 0x6b, 0x71, 0x76,
    0x77, 0x78, 0x79, 0x7a, 0x26, 0x2a, 0x2c, 0x3b, 0x58, 0x5a, 0x21, 0x22, 0x28, 0x29, 0x3f, 0x27,
    0x2b, 0x7c, 0x23, 0x3e, 0x00, 0x24, 0x40, 0x5b, 0x5d, 0x7e, 0x5e, 0x7d, 0x3c, 0x60, 0x7b, 0x5c,
    0xc3, 0xd0, 0x80, 0x82, 0x83, 0xa2, 0xb8, 0xc2, 0xe0, 0xe2, 0x99, 0xa1, 0xa7, 0xac, 0xb0, 0xb1,
    0xb3, 0xd1, 0xd8, 0xd9, 0xe3, 0xe5, 0xe6, 0x81, 0x84, 0x85, 0x86, 0x88, 0x92, 0x9a, 0x9c, 0xa0,
    0xa3, 0xa4, 0xa9, 0xaa, 0xad, 0xb2, 0xb5, 0xb9, 0xba, 0xbb, 0xbd, 0xbe, 0xc4, 0xc6, 0xe4, 0xe8,
    0xe9, 0x01, 0x87, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8f, 0x93, 0x95, 0x96, 0x97, 0x98, 0x9b, 0x9d,
    0x9e, 0xa5, 0xa6, 0xa8, 0xae, 0xaf, 0xb4, 0xb6, 0xb7, 0xbc, 0xbf, 0xc5, 0xe7, 0xef, 0x09, 0x8e,
    0x90, 0x91, 0x94, 0x9f, 0xab, 0xce, 0xd7, 0xe1, 0xec, 0xed, 0xc7, 0xcf, 0xea, 0xeb, 0xc0, 0xc1,
    0xc8, 0xc9, 0xca, 0xcd, 0xd2, 0xd5, 0xda, 0xdb, 0xee, 0xf0, 0xf2, 0xf3, 0xff, 0xcb, 0xcc, 0xd3,
    0xd4, 0xd6, 0xdd, 0xde, 0xdf, 0xf1, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe,
    0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0b, 0x0c, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14,
    0x15, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x7f, 0xdc, 0xf9, 0x0a, 0x0d, 0x16,
];

/// Appendix A: name, a space, value.
// not a verdict
const STATIC: &str = "\
:authority \n\
:method GET\n\
:method POST\n\
:path /\n\
:path /index.html\n\
:scheme http\n\
:scheme https\n\
:status 200\n\
:status 204\n\
:status 206\n\
:status 304\n\
:status 400\n\
:status 404\n\
:status 500\n\
accept-charset \n\
accept-encoding gzip, deflate\n\
accept-language \n\
accept-ranges \n\
accept \n\
access-control-allow-origin \n\
age \n\
allow \n\
authorization \n\
cache-control \n\
content-disposition \n\
content-encoding \n\
content-language \n\
content-length \n\
content-location \n\
content-range \n\
content-type \n\
cookie \n\
date \n\
etag \n\
expect \n\
expires \n\
from \n\
host \n\
if-match \n\
if-modified-since \n\
if-none-match \n\
if-range \n\
if-unmodified-since \n\
last-modified \n\
link \n\
location \n\
max-forwards \n\
proxy-authenticate \n\
proxy-authorization \n\
range \n\
referer \n\
refresh \n\
retry-after \n\
server \n\
set-cookie \n\
strict-transport-security \n\
transfer-encoding \n\
user-agent \n\
vary \n\
via \n\
www-authenticate ";

/// Appends a field as a literal that is kept in no table (sections 6.2.2 and 6.2.3); a `secret`
/// one by nobody on the way either.
pub fn write(name: &str, value: &str, secret: bool, out: &mut Vec<u8>) {
    out.push(if secret { 0x10 } else { 0 });
    for text in [name, value] {
        let mut length = text.len();
        if length < 0x7f {
            out.push(length as u8);
        } else {
            out.push(0x7f);
            length -= 0x7f;
            while length >= 0x80 {
                out.push(length as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
        }
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of RFC 7541's dumps.
    fn hex(dump: &str) -> Vec<u8> {
        let digits: Vec<u8> = dump.bytes().filter(u8::is_ascii_hexdigit).collect();
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        digits.chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
    }

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<String, &'static str> {
        let mut list = String::new();
        decoder.decode(block, &mut |name, value| {
            let text = |bytes| String::from_utf8_lossy(bytes);
            list += &format!("{}: {}\n", text(name), text(value));
        })?;
        Ok(list)
    }

    fn one(block: &[u8]) -> Result<String, &'static str> {
        decode(&mut Decoder::new(TABLE), block)
    }

    /// Blocks of one connection: each with its header list, and the dynamic table after it, newest
    /// first, with its size.
    fn exchange(most: usize, blocks: &[(&str, &str, &str, usize)]) {
        let mut decoder = Decoder::new(most);
        for (dump, list, table, size) in blocks {
            assert_eq!(decode(&mut decoder, &hex(dump)), Ok((*list).into()), "{dump}");
            let mut kept = String::new();
            for (name, value) in decoder.table.iter().rev() {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                kept += &format!("{}: {}\n", text(name), text(value));
            }
            assert_eq!((kept.as_str(), decoder.used), (*table, *size), "{dump}");
        }
    }

    #[test]
    fn appendix_c_1_integers() {
        for (bytes, bits, value) in
            [(&b"\x0a"[..], 5, 10), (b"\x1f\x9a\x0a", 5, 1337), (b"\x2a", 8, 42)]
        {
            let mut rest = bytes;
            assert_eq!((number(&mut rest, bits), rest), (Some(value), &b""[..]));
        }
        // Four bytes behind the first are the most; the largest of them.
        assert_eq!(number(&mut &b"\x1f\xff\xff\xff\x7f"[..], 5), Some(31 + (1 << 28) - 1));
        for bytes in [&b""[..], b"\x1f", b"\x1f\x80", b"\x1f\x80\x80\x80\x80\x00"] {
            assert_eq!(number(&mut &*bytes, 5), None, "{bytes:?}");
        }
    }

    #[test]
    fn appendix_c_2_representations() {
        exchange(
            TABLE,
            &[(
                "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
                "custom-key: custom-header\n",
                "custom-key: custom-header\n",
                55,
            )],
        );
        exchange(TABLE, &[("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path\n", "", 0)]);
        exchange(
            TABLE,
            &[("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret\n", "", 0)],
        );
        exchange(TABLE, &[("82", ":method: GET\n", "", 0)]);
    }

    const REQUESTS: [(&str, &str, usize); 3] = [
        (
            ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n",
            ":authority: www.example.com\n",
            57,
        ),
        (
            ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n\
             cache-control: no-cache\n",
            "cache-control: no-cache\n:authority: www.example.com\n",
            110,
        ),
        (
            ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n\
             custom-key: custom-value\n",
            "custom-key: custom-value\ncache-control: no-cache\n:authority: www.example.com\n",
            164,
        ),
    ];

    fn requests(dumps: [&str; 3]) {
        let blocks: Vec<_> =
            dumps.iter().zip(REQUESTS).map(|(dump, (a, b, c))| (*dump, a, b, c)).collect();
        exchange(TABLE, &blocks);
    }

    #[test]
    fn appendix_c_3_requests() {
        requests([
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ]);
    }

    #[test]
    fn appendix_c_4_requests_with_huffman() {
        requests([
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ]);
    }

    const DATE: &str = "date: Mon, 21 Oct 2013 20:13:21 GMT\n";
    const LOCATION: &str = "location: https://www.example.com\n";
    const COOKIE: &str = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n";

    /// In a table of 256 bytes, which the appendix takes to show evictions.
    fn responses(dumps: [&str; 3]) {
        let first = format!(":status: 302\ncache-control: private\n{DATE}{LOCATION}");
        let second = first.replace("302", "307");
        let later = DATE.replace("13:21", "13:22");
        let third = format!(
            ":status: 200\ncache-control: private\n{later}{LOCATION}content-encoding: gzip\n{COOKIE}"
        );
        let kept = [
            format!("{LOCATION}{DATE}cache-control: private\n:status: 302\n"),
            format!(":status: 307\n{LOCATION}{DATE}cache-control: private\n"),
            format!("{COOKIE}content-encoding: gzip\n{later}"),
        ];
        exchange(
            256,
            &[
                (dumps[0], &first, &kept[0], 222),
                (dumps[1], &second, &kept[1], 222),
                (dumps[2], &third, &kept[2], 215),
            ],
        );
    }

    #[test]
    fn appendix_c_5_responses() {
        responses([
            "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 \
             2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 \
             6c65 2e63 6f6d",
            "4803 3330 37c1 c0bf",
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d \
             54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 \
             5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e \
             3d31",
        ]);
    }

    #[test]
    fn appendix_c_6_responses_with_huffman() {
        responses([
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
             2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
            "4883 640e ffc1 c0bf",
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab \
             77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f \
             9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ]);
    }

    #[test]
    fn the_static_table_has_its_61_entries() {
        let decoder = Decoder::new(TABLE);
        assert_eq!(STATIC.lines().count(), 61);
        for (index, name, value) in [
            (1, ":authority", ""),
            (2, ":method", "GET"),
            (8, ":status", "200"),
            (16, "accept-encoding", "gzip, deflate"),
            (31, "content-type", ""),
            (54, "server", ""),
            (61, "www-authenticate", ""),
        ] {
            assert_eq!(decoder.entry(index), Some((name.into(), value.into())));
        }
        assert_eq!((decoder.entry(0), decoder.entry(62)), (None, None));
    }

    #[test]
    fn the_huffman_code_is_complete_and_padded_with_ones() {
        // Kraft's sum with EOS: every string of bits is the beginning of something.
        let sum: u64 =
            LENGTHS.iter().enumerate().map(|(i, count)| u64::from(*count) << (29 - i)).sum();
        assert_eq!(sum + 1, 1 << 30);
        assert_eq!(LENGTHS.iter().map(|count| usize::from(*count)).sum::<usize>(), 256);
        let mut symbols = SYMBOLS;
        symbols.sort_unstable();
        assert!(symbols.iter().enumerate().all(|(i, symbol)| i == usize::from(*symbol)));

        assert_eq!(huffman(b""), Some(vec![]));
        assert_eq!(huffman(b"\x1f"), Some(b"a".to_vec()));
        // 'a' and three zeroes; a byte of padding; EOS; and the code of 0x0a at 30 bits.
        for bytes in [&b"\x18"[..], b"\x1f\xff", b"\xff\xff\xff\xfc", b"\xff\xff\xff\xff"] {
            assert_eq!(huffman(bytes), None, "{bytes:?}");
        }
        assert_eq!(huffman(b"\xff\xff\xff\xf3"), Some(vec![0x0a]));
    }

    #[test]
    fn sizes_change_at_the_beginning_and_within_the_limit() {
        let mut decoder = Decoder::new(100);
        assert_eq!(decode(&mut decoder, b"\x40\x01a\x01b"), Ok("a: b\n".into()));
        assert_eq!(decode(&mut decoder, b"\xbe"), Ok("a: b\n".into()));
        // Down to nothing and up again: empty, then of use again.
        assert_eq!(decode(&mut decoder, b"\x20\x3f\x45\xbe"), Err(BROKEN));
        assert_eq!(decode(&mut decoder, b"\x40\x01a\x01b\xbe"), Ok("a: b\na: b\n".into()));
        assert_eq!(decode(&mut decoder, b"\x3f\x46\x82"), Err(BROKEN));
        assert_eq!(decode(&mut decoder, b"\x82\x20"), Err(BROKEN));
        // Larger than the table: nothing is left in it.
        let mut large = b"\x40\x01x\x45".to_vec();
        large.extend([b'y'; 0x45]);
        assert!(decode(&mut decoder, &large).is_ok());
        assert_eq!((decoder.table.len(), decoder.used), (0, 0));
    }

    #[test]
    fn a_small_block_makes_no_large_list() {
        let mut block = b"\x40\x01a\x7f\xa1\x1e".to_vec();
        block.extend(vec![b'b'; 0x7f + 0x21 + (0x1e << 7)]);
        block.extend([0xbe; 15]);
        assert!(one(&block).is_ok());
        block.extend([0xbe; 2]);
        assert_eq!(one(&block), Err(LONG));
        // The shortest code, drawn out as far as it goes.
        assert_eq!(huffman(&[0; 40_960]).map(|text| text.len()), Some(LIST));
        assert_eq!(huffman(&[0; 40_965]), None);
    }

    #[test]
    fn broken_blocks_are_refused() {
        for block in [
            &b"\x80"[..],
            b"\xbe",
            b"\x7e\x01a",
            b"\x40",
            b"\x40\x01",
            b"\x40\x01a\x02b",
            b"\x00\x81\x00\x00",
            b"\xff\xff\xff\xff\xff\x7f",
            b"\x40\x7f\xff\xff\xff\x7fa",
        ] {
            assert_eq!(one(block), Err(BROKEN), "{block:?}");
        }
    }

    #[test]
    fn prefixes_changed_bytes_and_noise_are_survived() {
        let block =
            hex("4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6");
        for end in 0..block.len() {
            let _ = one(&block[..end]);
        }
        for i in 0..block.len() {
            for byte in 0..=255 {
                let mut changed = block.clone();
                changed[i] = byte;
                let _ = one(&changed);
            }
        }
        let mut seed = 1_u32;
        let mut decoder = Decoder::new(TABLE);
        for _ in 0..2000 {
            let noise: Vec<u8> = (0..64)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            let _ = decode(&mut decoder, &noise);
            assert!(decoder.used <= TABLE);
            assert_eq!(decoder.used, decoder.table.iter().map(size).sum::<usize>());
        }
        let _ = one(&[0x55; 65_536]);
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 126, 127, 128, 254, 255, 5000, 16_000] {
            let value = "v".repeat(length);
            for secret in [false, true] {
                let mut block = Vec::new();
                write("name", &value, secret, &mut block);
                assert_eq!(block[0], if secret { 0x10 } else { 0 });
                assert_eq!(one(&block), Ok(format!("name: {value}\n")));
            }
        }
    }
}
