//! Core pack image: JPEG and PNG in and out, scaling, cropping, turning. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

mod colour;
mod encode;
mod exif;
mod jpeg;
mod open;
mod picture;
mod place;
mod scale;
mod sheet;
mod turn;

pack! {
    "node_decode" => open::decode,
    "node_probe" => open::probe,
    "node_thumbnail" => open::thumbnail,
    "node_encode" => encode::encode,
    "node_info" => picture::info,
    "node_resize" => scale::resize,
    "node_crop" => place::crop,
    "node_grid" => sheet::grid,
    "node_rotate" => turn::rotate,
    "node_flip" => turn::flip,
    "node_grey" => colour::grey,
    "node_adjust" => colour::adjust,
    "node_compare" => colour::compare,
}
