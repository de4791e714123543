import Glibc
import MoedHost

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
/// A thread of its own serves all connections and one request per connection: only a few monitors poll it. Silent and
/// slow clients do not delay the others. The server knows no more of HTTP; a library would bring libcurl into the
/// program.
package final class StatusServer: Sendable {
    /// Error of a server that cannot listen.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        /// True when the address names something that is not moed's: another start cannot help.
        package var isRefusal = false
        /// True when another program listens at the address.
        package var isInUse = false
    }

    /// Most connections at a time. The oldest one makes room for a new one.
    private static let connectionsMax = 256
    /// Most connections accepted before those that are open go on. With more, a request could be closed unread while
    /// many clients connect at once.
    private static let acceptedMax = 16

    private let socket: ListeningSocket
    private let stop: EventSignal
    private let respond: @Sendable (_ path: String) -> HTTPAnswer

    /// Opens the listening socket; connections wait until `run`.
    ///
    /// - Throws: `Failure` naming the address.
    package init(
        _ address: StatusAddress, metrics: @escaping @Sendable () -> [Metric],
        health: @escaping @Sendable () -> Health
    ) throws(Failure) {
        do { stop = try EventSignal() } catch {
            throw Failure(description: "cannot listen on \(address): \(error)")
        }
        socket = try ListeningSocket(address)
        respond = { path in
            switch path {
            case "/metrics":
                return HTTPAnswer(
                    "200 OK", PrometheusText.encode(metrics()), type: PrometheusText.contentType)
            case "/healthz":
                let health = health()
                return HTTPAnswer(health.isHealthy ? "200 OK" : "503 Service Unavailable", health.text + "\n")
            case "/": return HTTPAnswer("200 OK", SocketClient.greeting)
            default: return HTTPAnswer("404 Not Found", "there are /metrics and /healthz\n")
            }
        }
    }

    /// Checks that a server could listen at the address, or that a running moed does.
    ///
    /// - Throws: `Failure` naming the address.
    package static func check(_ address: StatusAddress) throws(Failure) {
        do throws(Failure) { _ = try ListeningSocket(address) } catch {
            guard SocketClient.isMoed(address) else { throw error }
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
            stop.set()
        }
    }

    private func serve() {
        var connections = ConnectionList(most: Self.connectionsMax)
        var isShort = false
        while !stop.clear() {
            // The clients' deadlines are looked at after this time.
            connections.wait(milliseconds: 200, socket.descriptor, stop.descriptor)
            for _ in 0..<Self.acceptedMax {
                guard let connection = socket.accept(&isShort) else { break }
                connections.add(connection)
            }
            if isShort {
                connections.closeOldest()
                usleep(10_000)
            }
            connections.proceed(respond)
        }
    }
}
