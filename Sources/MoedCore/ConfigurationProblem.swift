/// Something in the configuration that must be mended, in one line: where, what, why.
package struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Everything wrong with a configuration; ends the process with exit code 78.
package struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [ConfigurationProblem]
    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
