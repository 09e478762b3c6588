"""The examples of integrations/, built and read; each system has its file."""
