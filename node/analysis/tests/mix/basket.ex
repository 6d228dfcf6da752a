defmodule Shop.Basket do
  @moduledoc """
  Baskets.
  """

  defstruct items: [], note: nil

  @type item :: {String.t(), pos_integer()}
  @type t :: %__MODULE__{items: [item()], note: String.t() | nil}

  @doc """
  Adds an item.

      iex> basket = Shop.Basket.add(%Shop.Basket{}, "apple", 2)
      iex> basket.items
      [{"apple", 2}]

  """
  @spec add(t(), String.t(), pos_integer()) :: t()
  def add(%__MODULE__{} = basket, name, count) when count > 0 do
    %{basket | items: [{name, count} | basket.items]}
  end

  @doc """
  Counts.

      iex> count(%Shop.Basket{items: [{"a", 2}]})
      2

  """
  @spec count(t()) :: non_neg_integer()
  def count(%__MODULE__{items: items}), do: items |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  @doc """
  Broken example: its variable does not exist.

      iex> total(unknown_variable)
      2

  """
  def total(%__MODULE__{items: items}), do: length(items)

  @spec encode(t()) :: String.t()
  def encode(%__MODULE__{items: items}), do: Enum.map_join(items, ";", fn {n, c} -> "#{n}=#{c}" end)

  @spec decode(String.t()) :: {:ok, t()} | {:error, :bad_item}
  def decode(""), do: {:ok, %__MODULE__{}}

  def decode(text) do
    items = for part <- String.split(text, ";"), [n, c] <- [String.split(part, "=")], do: {n, String.to_integer(c)}
    if items == [], do: {:error, :bad_item}, else: {:ok, %__MODULE__{items: items}}
  end

  @spec decode!(String.t()) :: t()
  def decode!(text) do
    {:ok, basket} = decode(text)
    basket
  end

  @spec normalize(String.t()) :: String.t()
  def normalize(name), do: name |> String.trim() |> String.downcase()

  # The spec is wrong on purpose.
  @spec label(atom()) :: integer()
  def label(:ok), do: "fine"
  def label(other), do: Atom.to_string(other)

  def size(:small), do: 1
  def size(:large), do: 2

  def describe(opts \\ []) do
    %{
      "a rather long key that needs space" => Keyword.get(opts, :a, "and a rather long value to fill the line"),
      "another rather long key" => [1_000_000, 2, 3]
    }
  end

  def pair(a, b), do: {:ok, {a, "a long text in a tuple that does not fit on one line with its call", b, "and a bit more text"}}

  def stamp, do: System.unique_integer()
  def pid, do: self()
  def write(path), do: File.write!(path, "x")
  def crash(_), do: raise(ArgumentError, "always")
  def forever(n), do: forever(n + 1)
end
