//! A receiver of traces, as a collector is one.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
pub use opentelemetry_proto::tonic::trace::v1::Span;
pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A receiver.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    received: Arc<Mutex<Received>>,
    _stop: DropGuard,
}

/// The exports so far.
#[derive(Debug, Default)]
struct Received {
    spans: Vec<Span>,
    /// The whole messages.
    texts: Vec<String>,
    /// The header `authorization` of each export.
    authorizations: Vec<Option<String>>,
}

struct Collector(Arc<Mutex<Received>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        let message = request.into_inner();
        let mut received = self.0.lock().unwrap();
        received.authorizations.push(authorization);
        received.texts.push(format!("{message:?}"));
        for resource in message.resource_spans {
            received
                .spans
                .extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Receiver {
    /// Starts a receiver.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::<Mutex<Received>>::default();
        let stop = CancellationToken::new();
        let serving = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(Collector(Arc::clone(&received))))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.clone().cancelled_owned());
        tokio::spawn(serving);
        Self {
            port,
            received,
            _stop: stop.drop_guard(),
        }
    }

    /// Returns the receiver's URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.received.lock().unwrap().spans.clone()
    }

    /// Returns all messages so far as text.
    pub fn text(&self) -> String {
        self.received.lock().unwrap().texts.join("\n")
    }

    /// Returns the header `authorization` of each export so far.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        self.received.lock().unwrap().authorizations.clone()
    }
}

/// Returns an attribute of a span as text.
pub fn attribute(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key} is {other:?}"),
    }
}

/// Returns the ids of a span: its trace's, and its own.
pub fn ids(span: &Span) -> (Vec<u8>, Vec<u8>) {
    (span.trace_id.clone(), span.span_id.clone())
}
