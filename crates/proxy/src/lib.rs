//! Every door of actors, and every upstream behind them. A door turns bytes into actions and answers into bytes; an
//! upstream forwards only by [`upstream`]'s `send(Clearance)`. The only crate that holds upstream connections.

pub mod door;
pub mod tls;
pub mod upstream;
