//! Widgets: tokens for the visitors of web pages that an account allows.

mod signing;

pub(crate) use signing::WidgetSecret;
