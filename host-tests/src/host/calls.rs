//! The functions of proxy-wasm ABI 0.2.1, as Envoy 1.40 answers them (`exports.cc`, `context.cc`).

mod reading;
mod sharing;
mod writing;

use super::call::Handler;

/// What answers a function; nothing where the ABI has no such function.
pub(crate) fn handler(name: &str) -> Option<Handler> {
    Some(match name {
        "proxy_get_buffer_bytes" => reading::buffer,
        "proxy_get_current_time_nanoseconds" => reading::time,
        "proxy_get_header_map_pairs" => reading::header_pairs,
        "proxy_get_header_map_value" => reading::header_value,

        "proxy_add_header_map_value" => writing::add_header,
        "proxy_continue_stream" => writing::resume,
        "proxy_log" => writing::log,
        "proxy_remove_header_map_value" => writing::remove_header,
        "proxy_replace_header_map_value" => writing::replace_header,
        "proxy_send_local_response" => writing::respond,
        "proxy_set_effective_context" => writing::set_effective_context,
        "proxy_set_property" => writing::set_property,
        "proxy_set_tick_period_milliseconds" => writing::set_tick_period,

        "proxy_call_foreign_function" => sharing::foreign_function,
        "proxy_define_metric" => sharing::define_metric,
        "proxy_get_shared_data" => sharing::get_shared_data,
        "proxy_http_call" => sharing::http_call,
        "proxy_increment_metric" => sharing::increment_metric,
        "proxy_record_metric" => sharing::record_metric,
        "proxy_set_shared_data" => sharing::set_shared_data,
        _ => return None,
    })
}
