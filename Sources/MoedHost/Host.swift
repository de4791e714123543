import Glibc

/// The process and its machine.
package enum Host {
    package static var environment: [String: String] {
        var result: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let equals = pair.firstIndex(of: "=") {
                result[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
            }
            unsafe entry += 1
        }
        return result
    }

    package static var name: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package static var processID: Int32 { getpid() }

    package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Physical cores this process may run on: hyper-threads share the units that matrix work needs.
    package static var physicalCores: Int {
        var cores: Set<String> = []
        for cpu in allowedCPUs {
            let siblings = "/sys/devices/system/cpu/cpu\(cpu)/topology/thread_siblings_list"
            // Without the file each logical CPU counts as a core.
            let bytes = (try? WholeFile.read(siblings, bytesMax: 4096)) ?? Array("\(cpu)".utf8)
            cores.insert(String(decoding: bytes, as: UTF8.self))
        }
        return max(1, cores.count)
    }

    /// From the list in /proc/self/status, e.g. "Cpus_allowed_list: 0-3,8".
    private static var allowedCPUs: [Int] {
        let all = Array(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        guard let status = try? WholeFile.read("/proc/self/status", bytesMax: 1 << 16) else { return all }
        let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("Cpus_allowed_list:") }) else { return all }
        return line.dropFirst("Cpus_allowed_list:".count).split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.filter(\.isNumber)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    package static func printError(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Replaces the terminal's current line.
    package static func printErrorInPlace(_ text: String) {
        let bytes = Array("\r\u{1B}[K\(text)".utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Whether an error only says that the reader of our output has gone.
    package static func isBrokenPipe(_ error: any Error) -> Bool {
        (error as? WholeFile.Failure)?.errno == EPIPE
    }

    /// Until the services run there is nothing to put in order. Without a handler a container's first process would
    /// not even notice the signal. The service group installs its own handlers later.
    package static func leaveAtOnceWhenStopped() {
        for number in [SIGTERM, SIGINT] { signal(number) { _ in _exit(0) } }
    }

    /// A write to a closed pipe or socket is an error to handle, not a signal to die of.
    package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
