//! Serves a directory: `serve <directory> <port> <key>`. Port 0 takes a free one, which is printed.
#![expect(clippy::print_stdout, reason = "prints the port for the process that started it")]

use std::{error::Error, io::Write as _};

use lethe_edge::{EdgeOptions, serve};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), Some(port), Some(key)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: serve <directory> <port> <key>".into());
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;

    let options = EdgeOptions {
        directory: directory.into(),
        api_key: key.into(),
    };
    let shutdown = CancellationToken::new();
    let stop = async {
        if tokio::signal::ctrl_c().await.is_ok() {
            shutdown.cancel();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = serve(listener, options, shutdown.clone()) => served?,
        () = stop => {}
    }
    Ok(())
}
