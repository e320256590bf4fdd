//! `whodid demo`.

use super::Done;
use super::table::grouped;
use crate::config::ServeFlags;
use crate::demo::Shop;
use crate::demo::fill::{self, Filled};
use crate::services::Services;
use crate::start::{Server, asked_to_stop, make_first_keys, system_clock};

const API_KEY: &str = "demo-ingest";
const APP_KEY: &str = "demo-admin";
const DATA: &str = "demo-data";

#[derive(Debug, clap::Args)]
pub(super) struct DemoArguments {
    /// How many people visit the shop
    #[arg(long, default_value_t = Shop::DEFAULT_VISITORS)]
    users: u32,

    /// Over how many days, up to now
    #[arg(long, default_value_t = Shop::DEFAULT_DAYS)]
    days: u32,

    /// Another seed makes other people
    #[arg(long, default_value_t = Shop::DEFAULT_SEED)]
    seed: u64,

    #[command(flatten)]
    flags: ServeFlags,
}

impl DemoArguments {
    pub(super) fn flags(&self) -> &ServeFlags {
        &self.flags
    }
}

pub(super) async fn run(arguments: DemoArguments) -> Done {
    let mut config =
        ServeFlags { data: arguments.flags.data.clone().or(Some(DATA.into())), ..arguments.flags }
            .settle()?;
    config.bootstrap_api_key.get_or_insert_with(|| API_KEY.to_string());
    config.bootstrap_app_key.get_or_insert_with(|| APP_KEY.to_string());
    let clock = system_clock();
    let services = Services::open(&config, clock.clone()).await?;
    make_first_keys(&services, &config).await?;
    if services.store.status().await.map_err(crate::start::StartError::from)?.events == 0 {
        let shop =
            Shop { seed: arguments.seed, visitors: arguments.users, days: arguments.days, end: clock.now() };
        eprintln!("Making up a shop with {} visitors", grouped(u64::from(shop.visitors)));
        let Filled { events, elapsed } = fill::fill(&services, shop).await?;
        eprintln!("{} events taken in within {:.1} s", grouped(events), elapsed.as_secs_f64());
    }
    let server = Server::serve(services, &config).await?;
    let login = server.login_link();
    println!("{}", what_to_try(&server.url(), &login, &config.bootstrap_api_key, &config.bootstrap_app_key));
    asked_to_stop().await;
    eprintln!("Stopping");
    Ok(server.stop().await?)
}

fn what_to_try(url: &str, login: &str, api_key: &Option<String>, app_key: &Option<String>) -> String {
    let binary = std::env::current_exe().map_or("whodid".to_string(), |path| path.display().to_string());
    let (api_key, app_key) = (api_key.as_deref().unwrap_or_default(), app_key.as_deref().unwrap_or_default());
    format!(
        "Whodid is ready. Open it in a browser (the link logs in once, within 15 minutes):

  {login}

Or in another terminal:

  export WHODID_URL={url} WHODID_API_KEY={api_key} WHODID_APP_KEY={app_key}

  {binary} segment list
  {binary} segment preview examples/almost-bought.yaml
  {binary} query '@type:action @action.name:CHECKOUT @geo.country:Brazil'

Ctrl-C stops it."
    )
}
