import Glibc
import MoedHost
import Synchronization

/// Whether a daemon does its work, for load balancers and other watchers.
package struct Health: Sendable, Equatable {
    package var isHealthy: Bool
    /// What it does, in words.
    package var text: String

    package init(isHealthy: Bool, text: String) {
        self.isHealthy = isHealthy
        self.text = text
    }
}

/// Answers GET /metrics (Prometheus' text format) and GET /healthz (200, or 503 with the reason).
///
/// One request a connection, one connection at a time, on a thread of its own: who asks are a few watchers, now and
/// then. That is all of HTTP it knows; a library for it would bring libcurl into the program.
package final class StatusServer: Sendable {
    /// Why the server cannot listen.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let socket: ListeningSocket
    private let respond: @Sendable (_ path: String) -> HTTPAnswer
    private let isStopping = Atomic<Bool>(false)

    /// Listens; connections wait until `run`.
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
                // Without a thread to spare it answers on this one.
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
                // Too many files are open, say: that may pass.
                usleep(100_000)
                continue
            }
            guard let head = connection.readHead() else { continue }
            connection.send(HTTPAnswer(toHead: head, respond))
        }
    }
}
