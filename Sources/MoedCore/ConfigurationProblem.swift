/// One error in the configuration, described in one line: place, error and reason.
package struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// All errors in a configuration. They end the process with exit code 78.
package struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [ConfigurationProblem]
    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
