//! Limits as the database has them.

use std::error::Error;

use tokio_postgres::types::{FromSql, Type, accepts};

/// A `bigint` that is a whole number of 32 bits. The tables' checks say so too; a row that is not so anyway is an
/// error, and never another limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole(pub(crate) u32);

// === impl Whole ===

impl<'a> FromSql<'a> for Whole {
    fn from_sql(sql_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let number = i64::from_sql(sql_type, raw)?;
        Ok(Self(u32::try_from(number)?))
    }

    accepts!(INT8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_limit_is_an_error() {
        let read = |number: i64| Whole::from_sql(&Type::INT8, &number.to_be_bytes());
        assert_eq!(read(4_294_967_295).unwrap().0, u32::MAX);
        assert!(read(-1).is_err());
        assert!(read(4_294_967_296).is_err());
    }
}
