//! What is known of a request beside its body.

use std::net::IpAddr;

use whodid_model::Instant;

/// Who sent a request and when. The address is the client's own: whoever builds this has already looked behind proxies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    pub received_at: Instant,
    pub client_ip: Option<IpAddr>,
    pub user_agent: Option<&'a str>,
}
