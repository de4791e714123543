import MoedCore
