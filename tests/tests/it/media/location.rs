//! The place where a picture was taken is removed, if the configuration says so.

use serde_json::Value;

use crate::app::App;

/// A JPEG of one pixel with an orientation and a location in its EXIF data.
fn jpeg() -> Vec<u8> {
    let le = |n: u32| n.to_le_bytes();
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &le(count), &le(value)].concat()
    };
    let degrees: Vec<u8> = [52, 1, 31, 1, 7, 1].into_iter().flat_map(le).collect();
    let exif = [
        &b"Exif\0\0II*\0"[..],
        &le(8),
        &2u16.to_le_bytes(),
        &entry(0x0112, 3, 1, 6),
        &entry(0x8825, 4, 1, 38),
        &le(0),
        &1u16.to_le_bytes(),
        &entry(2, 5, 3, 56),
        &le(0),
        &degrees,
    ]
    .concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let frame = b"\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xd9";
    [b"\xff\xd8\xff\xe1", &length[..], &exif, frame].concat()
}

#[tokio::test]
async fn the_location_is_removed_if_configured() {
    let degrees: Vec<u8> = [52u32, 1, 31, 1].into_iter().flat_map(u32::to_le_bytes).collect();
    let has_location = |bytes: &[u8]| bytes.windows(degrees.len()).any(|part| part == degrees);
    for strips in [false, true] {
        let app = App::start(|config| config.media.strip_location = strips).await;
        let kept: Value = app.upload(jpeg(), "there.jpg", "image/jpeg").await.json().await.unwrap();
        let shown = app.open(kept["data"]["url"].as_str().unwrap()).await.bytes().await.unwrap();
        assert_eq!((shown.len(), has_location(&shown)), (jpeg().len(), !strips));
        assert_eq!(&shown[30..32], &[6, 0], "the orientation stays");
        // A second upload is the same media: the hash is of the stored bytes.
        let again: Value = app.upload(jpeg(), "there.jpg", "image/jpeg").await.json().await.unwrap();
        assert_eq!((&again["data"]["id"], &again["data"]["deduped"]), (&kept["data"]["id"], &true.into()));
    }
}
