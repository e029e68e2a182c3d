//! The key that signs the tokens.

use std::fmt;

use crate::secrets::Secret;

/// The secret that it is derived from.
pub(crate) struct WidgetSecret;

impl WidgetSecret {
    pub(crate) fn new(_: &Secret) -> Self {
        Self
    }
}

impl fmt::Debug for WidgetSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WidgetSecret(…)")
    }
}
