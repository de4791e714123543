package import Foundation

/// The Python of `.build-venv`, which `.ci/venv` makes.
package enum TestPython {
    /// With all packages of `.ci/python.txt`; nil where they could not be installed.
    package static let complete: URL? = {
        let environment = Fixtures.packageRoot.appending(path: ".build-venv")
        let mark = environment.appending(path: "has-transformers")
        guard FileManager.default.fileExists(atPath: mark.path) else { return nil }
        return environment.appending(path: "bin/python")
    }()
}
