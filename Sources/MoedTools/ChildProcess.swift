import Glibc

/// A program that runs to its end.
enum ChildProcess {
    /// Runs a program that is found in `PATH`, with the caller's standard error.
    ///
    /// - Returns: its exit code and standard output; nil when it cannot be started or a signal ended it.
    static func run(_ words: [String]) -> (status: Int32, output: String)? {
        var ends: [Int32] = [-1, -1]
        guard let program = words.first, unsafe pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        unsafe posix_spawn_file_actions_addclose(&actions, ends[1])
        var arguments = unsafe words.map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var process = pid_t()
        let started = unsafe posix_spawnp(&process, program, &actions, nil, arguments, environ) == 0
        close(ends[1])
        guard started else { return nil }
        var output: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe read(ends[0], &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            output += part[..<count]
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        // WIFEXITED and WEXITSTATUS, which Swift does not import.
        guard status & 0x7F == 0 else { return nil }
        return (status >> 8 & 0xFF, String(decoding: output, as: UTF8.self))
    }
}
