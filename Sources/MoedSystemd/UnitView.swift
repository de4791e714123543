import Glibc

/// The disk as the unit sees it, as far as another process can tell.
package enum UnitView {
    /// Reason why the unit probably cannot read a path that this process can; nil when there is none.
    package static func remark(on path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        let real = unsafe String(cString: resolved)
        for home in ["/home", "/root", "/run/user"] where real == home || real.hasPrefix("\(home)/") {
            return "\(real) is hidden from the unit (ProtectHome=yes): put it under /var/lib/moed or /srv"
        }
        var folder = ""
        for part in real.split(separator: "/") {
            folder += "/\(part)"
            var status = stat()
            guard unsafe stat(folder, &status) == 0 else { return nil }
            if status.st_mode & S_IFMT == S_IFDIR, status.st_mode & (S_IXGRP | S_IXOTH) == 0 {
                return "\(folder) is open to its owner only, and the unit has a user of its own: chmod a+rX"
            }
        }
        return nil
    }
}
