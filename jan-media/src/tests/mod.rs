pub(crate) fn png(width: u32, height: u32, rest: &[u8]) -> Vec<u8> {
    let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &width[..], &height, b"\x08\x02\0\0\0", rest].concat()
}
