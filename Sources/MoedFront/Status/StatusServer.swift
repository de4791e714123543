import Glibc
import MoedHost
import Synchronization

/// Health of a daemon, for load balancers and monitoring.
package struct Health: Sendable, Equatable {
    package var isHealthy: Bool
    /// State of the daemon in words.
    package var text: String

    package init(isHealthy: Bool, text: String) {
        self.isHealthy = isHealthy
        self.text = text
    }
}

/// Answers GET /metrics (Prometheus' text format) and GET /healthz (200, or 503 with the reason).
///
/// A thread of its own serves one connection at a time and one request per connection: only a few monitors poll it. The
/// server knows no more of HTTP; a library would bring libcurl into the program.
package final class StatusServer: Sendable {
    /// Error of a server that cannot listen.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let socket: ListeningSocket
    private let respond: @Sendable (_ path: String) -> HTTPAnswer
    private let isStopping = Atomic<Bool>(false)

    /// Opens the listening socket; connections wait until `run`.
    ///
    /// - Throws: `Failure` naming the address.
    package init(
        _ address: StatusAddress, metrics: @escaping @Sendable () -> [Metric],
        health: @escaping @Sendable () -> Health
    ) throws(Failure) {
        socket = try ListeningSocket(address)
        respond = { path in
            switch path {
            case "/metrics":
                return HTTPAnswer(
                    "200 OK", PrometheusText.encode(metrics()), type: PrometheusText.contentType)
            case "/healthz":
                let health = health()
                return HTTPAnswer(health.isHealthy ? "200 OK" : "503 Service Unavailable", health.text + "\n")
            case "/": return HTTPAnswer("200 OK", "moed: /metrics, /healthz\n")
            default: return HTTPAnswer("404 Not Found", "there are /metrics and /healthz\n")
            }
        }
    }

    /// Answers until the task is cancelled.
    package func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let body: @Sendable () -> Void = { [self] in
                    serve()
                    continuation.resume()
                }
                // When no thread can be created, the server answers on this one.
                do { try HostThread(name: "moed-status", body).detach() } catch { body() }
            }
        } onCancel: {
            isStopping.store(true, ordering: .releasing)
            socket.wake()
        }
    }

    private func serve() {
        while !isStopping.load(ordering: .acquiring) {
            guard let connection = socket.accept() else {
                // The cause may be temporary, such as too many open files.
                usleep(100_000)
                continue
            }
            guard let head = connection.readHead() else { continue }
            connection.send(HTTPAnswer(toHead: head, respond))
        }
    }
}
