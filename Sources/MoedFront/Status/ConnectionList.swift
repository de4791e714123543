import Glibc

/// The open connections of a server, oldest first.
struct ConnectionList: ~Copyable {
    private final class Place {
        var connection: ClientConnection
        init(_ connection: consuming ClientConnection) { self.connection = connection }
    }

    private let most: Int
    private var places: [Place] = []

    /// - Parameter most: connections at a time.
    init(most: Int) { self.most = most }

    /// Takes a connection; the oldest one is closed when there are too many.
    mutating func add(_ connection: consuming ClientConnection) {
        if places.count >= most { closeOldest() }
        places.append(Place(connection))
    }

    mutating func closeOldest() { if !places.isEmpty { places.removeFirst() } }

    /// Waits until a connection or one of the other descriptors is ready, or the time has passed.
    func wait(milliseconds: Int32, _ others: Int32...) {
        var entries = others.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        entries += places.map {
            pollfd(fd: $0.connection.descriptor, events: $0.connection.events, revents: 0)
        }
        _ = unsafe poll(&entries, nfds_t(entries.count), milliseconds)
    }

    /// Lets each connection go on, and closes those that have ended.
    mutating func proceed(_ respond: (_ path: String) -> HTTPAnswer) {
        for place in places { place.connection.proceed(respond) }
        places.removeAll { $0.connection.isEnded }
    }
}
