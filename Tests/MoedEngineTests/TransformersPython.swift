import Foundation
import TestSupport
import Testing

/// A Python that has transformers, torch and compressed-tensors: `.ci/venv` makes one.
enum TransformersPython {
    static let path: URL? = {
        let environment = Fixtures.packageRoot.appending(path: ".build-venv")
        let mark = environment.appending(path: "has-transformers")
        guard FileManager.default.fileExists(atPath: mark.path) else { return nil }
        return environment.appending(path: "bin/python")
    }()

    static let missing: Comment =
        "no transformers: run .ci/venv, which installs it and torch into .build-venv where pip finds a CPU build"
}
