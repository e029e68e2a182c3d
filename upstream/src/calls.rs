//! Calls, in the account's own database. The gate sees the request that starts one; how long it lasts, and so how
//! much an account has of calls, only this service can know.
//!
//! Whoever starts a call has the account's row of limits locked from before the calls are counted until the new one
//! is stored, so that of any number of requests, in any number of instances, exactly as many pass as there is room
//! for. All times are the database's own, taken while the lock is held.

mod call;
mod limits;
mod number;
mod originate;
mod usage;
mod window;

pub(crate) use call::Call;
pub(crate) use limits::CallLimits;
pub(crate) use number::PhoneNumber;
pub(crate) use originate::{NewCall, OriginateError, originate};
