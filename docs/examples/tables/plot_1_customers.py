"""
Customers from a CSV file
=========================

From a file to groups of customers: read, look, choose k, cluster, and describe the groups. The
file is made up here, with the columns that such files have.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clusterx import KMeans, sweep
from clusterx.plotting import ClusterScatterDisplay, ElbowDisplay, SilhouetteSweepDisplay

rng = np.random.default_rng(7)
kinds = [  # customers, age, income in thousands, spending score from 1 to 100
    (45, (24, 3), (28, 5), (78, 9)),
    (60, (42, 11), (55, 8), (50, 6)),
    (50, (33, 4), (86, 14), (82, 8)),
    (45, (46, 8), (88, 14), (17, 8)),
    (40, (52, 9), (26, 6), (20, 9)),
]
values = np.concatenate(
    [
        rng.normal((age[0], pay[0], score[0]), (age[1], pay[1], score[1]), (n, 3))
        for n, age, pay, score in kinds
    ]
)
made = pd.DataFrame(values.round().astype(int), columns=["Age", "AnnualIncome", "SpendingScore"])
made = made.clip(lower=[18, 15, 1], upper=[80, 140, 100], axis=1)
made.insert(0, "Gender", rng.choice(["Female", "Male"], len(made)))
made.insert(0, "CustomerID", np.arange(1, len(made) + 1))
path = Path(tempfile.mkdtemp()) / "Customers.csv"
made.to_csv(path, index=False)

# %%
# **Read and look.** A number per customer is no property of the customer, so it is dropped.
data = pd.read_csv(path).drop(columns="CustomerID")
print(data.describe().loc[["mean", "std", "min", "max"]].round(1))

columns = ["Age", "AnnualIncome", "SpendingScore"]
fig, axes = plt.subplots(1, 4, figsize=(11, 2.6), layout="constrained")
for ax, name in zip(axes, columns, strict=False):
    ax.hist(data[name], bins=20)
    ax.set_xlabel(name)
groups = pd.cut(
    data["Age"], [17, 25, 35, 45, 55, 80], labels=["18-25", "26-35", "36-45", "46-55", "56+"]
)
axes[3].bar(*zip(*groups.value_counts(sort=False).items(), strict=True))
axes[3].tick_params(axis="x", labelrotation=45)

# %%
# **Choose k.** Columns with large numbers would decide everything, so they are standardised
# first. The curves are those of income and spending.
pair = data[["AnnualIncome", "SpendingScore"]]
scaled = StandardScaler().set_output(transform="pandas").fit_transform(pair)
found = sweep(KMeans(n_init=10, random_state=0), scaled, range(2, 12))
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
ElbowDisplay.from_sweep(found, ax=axes[0])
SilhouetteSweepDisplay.from_sweep(found, ax=axes[1])

# %%
# **Cluster.** A pipeline keeps the scaling with the model, so new customers are treated alike.
model = make_pipeline(StandardScaler(), KMeans(found.best("silhouette"), n_init=10, random_state=0))
labels = model.fit_predict(pair)
ClusterScatterDisplay.from_predictions(pair, labels, name="Customers")

# %%
# **Describe.** The means of each group say who they are.
profile = data.groupby(labels)[columns].mean().round(0).astype(int)
print(profile.assign(customers=np.bincount(labels)).to_string())

# %%
# Other columns have other groups, and the silhouette says how clear they are. A clustering is an
# answer to the columns that it was asked about.
for chosen in (["Age", "SpendingScore"], ["Age", "AnnualIncome"], columns):
    table = StandardScaler().fit_transform(data[chosen])
    swept = sweep(KMeans(n_init=10, random_state=0), table, range(2, 9), metrics=["silhouette"])
    best = swept.best("silhouette")
    score = max(swept.scores["silhouette"])
    print(f"{' and '.join(chosen)}: {best} clusters, silhouette {score:.2f}")

plt.show()

# %%
# The same from the command line::
#
#     clusterx elbow Customers.csv --k 2:12 --columns AnnualIncome,SpendingScore --standardize
#     clusterx fit Customers.csv -k 5 --columns AnnualIncome,SpendingScore --standardize \
#         -o labels.csv
